/**
 * One table: rows in memory, under `<name>/<key>` in the store.
 *
 * A write is noted by its key alone. The bytes are made when the changes are taken, once per batch of entries: a session
 * that answered fifty requests of a batch is encoded once, and a lease that was granted and released within one batch
 * leaves no change behind.
 */
import type { RowFormat } from './rows.ts'
import type { RecordChange } from './state-store.ts'

export class Table<Row> {
  readonly name: string
  private readonly format: RowFormat<Row>
  private readonly rows = new Map<string, Row>()
  /** Keys written since the changes were taken last; `true` where the store holds an earlier value. */
  private readonly written = new Map<string, boolean>()

  constructor(name: string, format: RowFormat<Row>) {
    this.name = name
    this.format = format
  }

  get size(): number {
    return this.rows.size
  }

  get(key: string | number): Row | undefined {
    return this.rows.get(String(key))
  }

  values(): IterableIterator<Row> {
    return this.rows.values()
  }

  entries(): IterableIterator<[string, Row]> {
    return this.rows.entries()
  }

  /** A new row becomes the last one; one that is replaced keeps its place. */
  put(key: string | number, row: Row): void {
    const name = String(key)
    if (!this.written.has(name)) this.written.set(name, this.rows.has(name))
    this.rows.set(name, row)
  }

  /** Puts the row and makes it the last one. */
  putLast(key: string | number, row: Row): void {
    this.put(key, row)
    this.makeLast(key)
  }

  /** Only the order changes, which is not stored. */
  makeLast(key: string | number): void {
    const name = String(key)
    const row = this.rows.get(name)
    if (row === undefined) return
    this.rows.delete(name)
    this.rows.set(name, row)
  }

  delete(key: string | number): void {
    const name = String(key)
    if (!this.rows.delete(name)) return
    const isStored = this.written.get(name) ?? true
    if (isStored) this.written.set(name, true)
    else this.written.delete(name)
  }

  /** Takes a row from the store. @throws CodedError `wire.malformed` */
  restore(key: string, value: Uint8Array): void {
    this.rows.set(key, this.format.decode(value))
  }

  /** Takes a row whose stored value is of another form: it is written with the next changes. */
  migrate(key: string, row: Row): void {
    this.rows.set(key, row)
    this.written.set(key, true)
  }

  /** Every row as a record, in no particular order. */
  records(): [key: string, value: Uint8Array][] {
    return [...this.rows].map(([key, row]) => [`${this.name}/${key}`, this.format.encode(row)])
  }

  /** What has changed since the last call. */
  takeChanges(): RecordChange[] {
    const changes = [...this.written.keys()].map((key): RecordChange => {
      const row = this.rows.get(key)
      return { key: `${this.name}/${key}`, value: row === undefined ? undefined : this.format.encode(row) }
    })
    this.written.clear()
    return changes
  }
}
