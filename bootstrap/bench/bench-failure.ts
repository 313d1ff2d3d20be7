/** The bench could not be carried out; its sentence is for the person who started it. */
export class BenchFailure extends Error {
  override readonly name = 'BenchFailure'
}
