import type { LogIndex } from '../base/index.ts'

/** One changed record of the state machine: `undefined` deletes. `key` is e.g. `lease/task:42`. */
export interface RecordChange {
  readonly key: string
  readonly value: Uint8Array | undefined
}

export interface SavedState {
  /** The last log index whose effects are in `records`; 0 for a new store. */
  readonly appliedIndex: LogIndex
  readonly records: ReadonlyMap<string, Uint8Array>
}

/** Port of the replicated state machine's store: applied index and effects commit in one batch. */
export interface StateStore {
  /** @throws CodedError `store.corrupt` */
  load(): Promise<SavedState>
  /**
   * Writes all changes together with the applied index, or nothing. Need not be synced: after a crash the
   * log, which is synced, is applied again from `appliedIndex`.
   */
  commit(appliedIndex: LogIndex, changes: readonly RecordChange[]): Promise<void>
}
