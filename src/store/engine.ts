/**
 * What the stores need of a disk: an ordered map of bytes with atomic, durable batches, and a mark outside of it that
 * tells how far it had come. LevelDB is one, the memory of a simulation another; everything that can be got wrong
 * (checks, chain, ledger) is above it and runs on both.
 */
import type { CodedError } from '../base/index.ts'

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export type Visitor = (key: Uint8Array, value: Uint8Array) => void

export interface Engine extends RecordSource {
  readonly mark: HighWaterMark
  /** All or nothing; resolves when it is on the disk. @throws CodedError `store.write_failed` */
  write(operations: readonly Operation[]): Promise<void>
  /**
   * Removes the records with keys from `from` to `to`, both included, in the background and without a sync. For what
   * counts for nothing any more: a crash may bring any of it back.
   */
  discard(from: Uint8Array, to: Uint8Array): void
  close(): Promise<void>
}

/** The half of an engine that reads. */
export interface RecordSource {
  /** Names the place in errors. */
  readonly path: string
  /**
   * Shows every record whose key starts with the byte `prefix`, in ascending order of key.
   * @throws CodedError `store.corrupt`, and what the visitor throws.
   */
  scan(prefix: number, visit: Visitor): Promise<void>
}

/**
 * The number of the last acknowledged batch, kept outside the database: a database that lost its newest batches together
 * with their ledgers looks like an older one, and only something that it did not lose can tell.
 */
export interface HighWaterMark {
  /** As it was found; `undefined` when there is none. A damaged one is refused before the engine opens. */
  readonly found: number | undefined
  /** Set once a mark cannot be kept any more: then nothing more may be acknowledged. */
  readonly failure: CodedError | undefined
  /**
   * Once, before the first batch and after what was found was judged: the mark is `batch`.
   * Resolves when that is on the disk. @throws CodedError `store.write_failed`
   */
  start(batch: number): Promise<void>
  /** `batch` was acknowledged. Returns at once; the mark follows. */
  advance(batch: number): void
}
