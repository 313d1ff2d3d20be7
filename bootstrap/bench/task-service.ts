/** What both contestants of `bench tasks` are asked to do, so that one loop drives either: to run something elsewhere, and say when. */

export type Work =
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** Registered with every node of the bench under this name. */
  | { readonly kind: 'function'; readonly name: string }

/** Milliseconds after it was given away, as whoever gave it away sees them. */
export interface Finished {
  readonly startedMs: number
  readonly endedMs: number
}

export interface TaskService {
  /** @param onOutput takes what it prints; as slow as it is, it is read. @throws BenchFailure when it does not end well. */
  run(work: Work, onOutput?: (bytes: number) => void): Promise<Finished>
  close(): Promise<void>
}
