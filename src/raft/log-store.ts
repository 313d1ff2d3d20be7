import type { Entry, HardState } from './entry.ts'
import type { LogBase } from './log-base.ts'

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
