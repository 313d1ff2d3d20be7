import type { LogIndex, Term } from '../base/index.ts'
import type { Entry, HardState } from './entry.ts'

/**
 * Where a compacted log begins: everything up to `index` lives in the state machine's records. Index 0, term 0 and an
 * empty configuration stand for a log that was never compacted.
 */
export interface LogBase {
  readonly index: LogIndex
  readonly term: Term
  /** The encoded configuration that was in force at `index`. */
  readonly configuration: Uint8Array
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
   * Drops the entries up to `base.index`. Not durable at once: it rides on the next synced batch, after the state
   * commits that were deferred before it and that cover it.
   * @throws CodedError `store.write_failed`
   */
  compact(base: LogBase): Promise<void>
}
