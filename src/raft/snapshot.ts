import type { LogIndex, Term } from '../base/index.ts'

/** The state machine at one committed index, in place of the log up to there (§7). */
export interface Snapshot {
  readonly index: LogIndex
  readonly term: Term
  /** The encoded `Configuration` in effect at `index`. */
  readonly configuration: Uint8Array
  /** Opaque to consensus. */
  readonly data: Uint8Array
}
