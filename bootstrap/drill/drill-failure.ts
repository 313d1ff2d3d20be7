/** The drill could not be carried out, which says nothing about the nodes; its sentence is for the person who started it. */
export class DrillFailure extends Error {
  override readonly name = 'DrillFailure'
}
