import { type LogIndex, logIndex, type Term, term } from '../base/index.ts'
import type { Entry, HardState } from './entry.ts'

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

/** Everything consensus needs to go on after a restart. */
export interface SavedLog {
  /** `undefined` for a store that was never written. */
  readonly hardState: HardState | undefined
  readonly base: LogBase
  /** Contiguous, from `base.index + 1`. */
  readonly entries: readonly Entry[]
}

/** One durable step of consensus: written whole or not at all. */
export interface LogWrite {
  readonly hardState: HardState | undefined
  /** Contiguous; the first may be at or below the last stored index: then everything from it on is replaced. */
  readonly entries: readonly Entry[]
}

/**
 * Port of the Raft log; `store/` implements it. One writer: the driver does not call `append` again before
 * the last call has settled.
 */
export interface LogStore {
  /** @throws CodedError `store.corrupt` when a record is damaged, missing or out of order. */
  load(): Promise<SavedLog>
  /**
   * Resolves when the write has reached the disk (fsync).
   * @throws CodedError `store.write_failed`; the store refuses every later write, because nobody knows what
   *   a failed fsync left behind.
   */
  append(write: LogWrite): Promise<void>
  /**
   * Drops every entry up to `base.index`. Not durable by itself: it rides on the next synced batch, after the state
   * commits that were accepted before it, so that the records it relies on are never behind it.
   * @throws CodedError as `append`
   */
  compact(base: LogBase): Promise<void>
}
