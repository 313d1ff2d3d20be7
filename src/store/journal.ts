import type { JournalRecord, JournalStore, JournalWrite } from '../task/index.ts'
import type { BatchWriter } from './batch-writer.ts'
import type { RecordSet } from './record-set.ts'

/** A task journal: a record set of its own, every write synced. */
export class Journal implements JournalStore {
  private readonly writer: BatchWriter
  private readonly records: RecordSet

  constructor(writer: BatchWriter, records: RecordSet) {
    this.writer = writer
    this.records = records
  }

  async load(): Promise<readonly JournalRecord[]> {
    await this.writer.flush()
    const records = await this.records.load()
    return Array.from(records, ([key, value]) => ({ key, value }))
  }

  async write(records: readonly JournalWrite[]): Promise<void> {
    await this.writer.write(this.records.change(records.map(({ key, value }) => ({ name: key, value }))))
  }
}
