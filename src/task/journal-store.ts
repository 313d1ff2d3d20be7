/**
 * Port of the task journals: small keyed records, each write durable (synced) before it resolves. The
 * submitter's and the worker's journal are two instances over two key ranges.
 */
export interface JournalStore {
  /** All records in ascending order of key. @throws CodedError `store.corrupt` */
  load(): Promise<readonly JournalRecord[]>
  /** Writes all records in one synced batch; a record with `value: undefined` is removed. @throws CodedError `store.write_failed` */
  write(records: readonly JournalWrite[]): Promise<void>
}

export interface JournalRecord {
  readonly key: string
  readonly value: Uint8Array
}

export interface JournalWrite {
  readonly key: string
  readonly value: Uint8Array | undefined
}
