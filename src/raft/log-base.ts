import { type LogIndex, logIndex, type Term, term } from '../base/index.ts'

/**
 * Where a compacted log begins (§7). What every entry up to `index` did lives in the state machine's own records; the log
 * keeps of them what it needs to go on: the term, for the consistency check, and the configuration in effect there.
 */
export interface LogBase {
  /** 0: never compacted. */
  readonly index: LogIndex
  readonly term: Term
  /** An encoded `Configuration`; empty at index 0. */
  readonly configuration: Uint8Array
}

export const NEVER_COMPACTED: LogBase = {
  index: logIndex(0),
  term: term(0),
  configuration: new Uint8Array(0),
}
