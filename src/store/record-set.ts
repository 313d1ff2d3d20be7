/**
 * One section of named, checked records, and the fingerprint that tells when one of them is missing.
 *
 * The digest is the exclusive or of all records' checks, each mixed first, so that adding, replacing and removing a
 * record costs the same whatever the section holds. Unmixed it would be useless: a CRC is linear, so two records that
 * change in the same way (two tasks going from `running` to `ended`) would cancel out, and a batch with both could
 * vanish unseen.
 */
import type { Change } from './batch-writer.ts'
import type { Engine, Operation } from './engine.ts'
import { namedKey } from './keyspace.ts'
import type { Fingerprint, Ledger } from './ledger.ts'
import { refuse, seal } from './record.ts'
import { mixBits, type NamedSection, readSection } from './section-reader.ts'

/** `value: undefined` removes the record. */
export interface NamedChange {
  readonly name: string
  readonly value: Uint8Array | undefined
}

export class RecordSet {
  private readonly engine: Engine
  private readonly section: NamedSection
  /** The mixed check of each record: what leaves the digest when the record does. 8 bytes and the name each. */
  private readonly marks = new Map<string, number>()
  private digest = 0
  /** What opening read, for the first `load`, unless it is outdated by then. */
  private opened: Map<string, Uint8Array> | undefined = new Map()

  private constructor(engine: Engine, section: NamedSection) {
    this.engine = engine
    this.section = section
  }

  /** Reads and checks the section. @throws CodedError `store.corrupt`, `store.version` */
  static async open(engine: Engine, section: NamedSection, ledger: Ledger): Promise<RecordSet> {
    const set = new RecordSet(engine, section)
    const visit = (name: string, { check, payload }: { check: number; payload: Uint8Array }) => {
      set.mark(name, mixBits(check))
      set.opened?.set(name, payload)
    }
    await readSection(engine, section, ledger.sections[section], visit, refuse)
    return set
  }

  get names(): Iterable<string> {
    return this.marks.keys()
  }

  /** All records in ascending order of their names' bytes, checked. Not while a write is under way. */
  async load(): Promise<Map<string, Uint8Array>> {
    const { opened } = this
    this.opened = undefined
    if (opened !== undefined) return opened
    const records = new Map<string, Uint8Array>()
    const visit = (name: string, { payload }: { payload: Uint8Array }) => records.set(name, payload)
    await readSection(this.engine, this.section, this.fingerprint, visit, refuse)
    return records
  }

  /** What a batch must do to make `changes`. */
  change(changes: readonly NamedChange[]): Change {
    const operations: Operation[] = []
    const marks: (number | undefined)[] = []
    for (const { name, value } of changes) {
      const key = namedKey(this.section, name)
      if (value === undefined) {
        operations.push({ type: 'del', key })
        marks.push(undefined)
      } else {
        const record = seal(key, value)
        operations.push({ type: 'put', key, value: record.value })
        marks.push(mixBits(record.check))
      }
    }
    const accept = () => {
      this.opened = undefined
      for (const [at, { name }] of changes.entries()) this.mark(name, marks[at])
      return { [this.section]: this.fingerprint }
    }
    return { operations, accept }
  }

  private get fingerprint(): Fingerprint {
    return { count: this.marks.size, digest: this.digest }
  }

  private mark(name: string, mark: number | undefined): void {
    this.digest = (this.digest ^ (this.marks.get(name) ?? 0) ^ (mark ?? 0)) >>> 0
    if (mark === undefined) this.marks.delete(name)
    else this.marks.set(name, mark)
  }
}
