/** What every bench gets, and what it ends with. */
import type { BenchOptions } from './options.ts'

export interface Bench {
  readonly options: BenchOptions
  /** On a disk, and removed at the end. */
  readonly folder: string
  readonly say: (line: string) => void
  /** Starts a group of servers; they are ended with the bench. */
  started<Group extends Startable>(group: Group): Promise<Group>
}

interface Startable {
  start(): Promise<void>
  end(): Promise<void>
}

export interface Report {
  readonly ours: object
  readonly peer: object | null
  /** Ours divided by the peer's. */
  readonly ratio: object | null
}
