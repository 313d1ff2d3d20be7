/**
 * What the stores need of a disk: an ordered map of bytes with atomic, durable batches. LevelDB is one, the memory
 * of a simulation another; everything that can be got wrong (checks, chain, ledger) is above it and runs on both.
 */
export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export type Visitor = (key: Uint8Array, value: Uint8Array) => void

export interface Engine {
  /** Names the place in errors. */
  readonly path: string
  /**
   * Shows every record whose key starts with the byte `prefix`, in ascending order of key.
   * @throws CodedError `store.corrupt`, and what the visitor throws.
   */
  scan(prefix: number, visit: Visitor): Promise<void>
  /** All or nothing; resolves when it is on the disk. @throws CodedError `store.write_failed` */
  write(operations: readonly Operation[]): Promise<void>
  close(): Promise<void>
}
