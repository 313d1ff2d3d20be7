import type { BatchWriter } from './batch-writer.ts'
import type { RecordSet } from './record-set.ts'

/** Small named values of this node: its incarnation, its address book. All of them are held in memory. */
export interface MetaStore {
  /** The value of the last `put` that resolved. */
  get(key: string): Uint8Array | undefined
  /** Resolves when the value has reached the disk. @throws CodedError `store.write_failed` */
  put(key: string, value: Uint8Array): Promise<void>
}

export class MetaRecords implements MetaStore {
  private readonly writer: BatchWriter
  private readonly records: RecordSet
  private readonly values: Map<string, Uint8Array>

  private constructor(writer: BatchWriter, records: RecordSet, values: Map<string, Uint8Array>) {
    this.writer = writer
    this.records = records
    this.values = values
  }

  static async open(writer: BatchWriter, records: RecordSet): Promise<MetaRecords> {
    return new MetaRecords(writer, records, await records.load())
  }

  get(key: string): Uint8Array | undefined {
    return this.values.get(key)
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.writer.write(this.records.change([{ name: key, value }]))
    this.values.set(key, value)
  }
}
