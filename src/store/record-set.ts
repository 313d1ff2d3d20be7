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
import { namedKey, nameOf, PREFIX, type Section } from './keyspace.ts'
import type { Fingerprint } from './ledger.ts'
import { type CheckedRecord, corrupt, seal, unseal } from './record.ts'

/** `value: undefined` removes the record. */
interface NamedChange {
  readonly name: string
  readonly value: Uint8Array | undefined
}

interface MarkedChange {
  readonly name: string
  readonly mark: number | undefined
}

export class RecordSet {
  private readonly engine: Engine
  private readonly section: Section
  /** What one record is called in an error, e.g. `state record`. */
  private readonly noun: string
  /** The mixed check of each record: what leaves the digest when the record does. 8 bytes and the name each. */
  private readonly marks = new Map<string, number>()
  private digest = 0

  private constructor(engine: Engine, section: Section, noun: string) {
    this.engine = engine
    this.section = section
    this.noun = noun
  }

  /** Reads and checks the section. @throws CodedError `store.corrupt`, `store.version` */
  static async open(
    engine: Engine,
    section: Section,
    noun: string,
    expected: Fingerprint,
  ): Promise<RecordSet> {
    const set = new RecordSet(engine, section, noun)
    await set.read(expected, (name, record) => set.mark({ name, mark: mixBits(record.check) }))
    return set
  }

  get fingerprint(): Fingerprint {
    return { count: this.marks.size, digest: this.digest }
  }

  /** All records in ascending order of their names' bytes, checked. Not while a write is under way. */
  async load(): Promise<Map<string, Uint8Array>> {
    const records = new Map<string, Uint8Array>()
    await this.read(this.fingerprint, (name, record) => records.set(name, record.payload))
    return records
  }

  /** What a batch must do to make `changes`. */
  change(changes: readonly NamedChange[]): Change {
    const operations: Operation[] = []
    const marked: MarkedChange[] = []
    for (const { name, value } of changes) {
      const key = namedKey(this.section, name)
      if (value === undefined) {
        operations.push({ type: 'del', key })
        marked.push({ name, mark: undefined })
      } else {
        const record = seal(key, value)
        operations.push({ type: 'put', key, value: record.value })
        marked.push({ name, mark: mixBits(record.check) })
      }
    }
    const accept = () => {
      for (const one of marked) this.mark(one)
      return { [this.section]: this.fingerprint }
    }
    return { operations, accept }
  }

  private mark({ name, mark }: MarkedChange): void {
    this.digest = (this.digest ^ (this.marks.get(name) ?? 0)) >>> 0
    if (mark === undefined) {
      this.marks.delete(name)
    } else {
      this.marks.set(name, mark)
      this.digest = (this.digest ^ mark) >>> 0
    }
  }

  private async read(
    expected: Fingerprint,
    visit: (name: string, record: CheckedRecord) => void,
  ): Promise<void> {
    const { path } = this.engine
    let count = 0
    let digest = 0
    await this.engine.scan(PREFIX[this.section], (key, value) => {
      const name = nameOf(key)
      if (name === undefined) throw corrupt(path, `${this.noun} with a name that is no text`)
      const record = unseal(path, this.labelOf(name), key, value)
      visit(name, record)
      count += 1
      digest = (digest ^ mixBits(record.check)) >>> 0
    })
    if (count !== expected.count)
      throw corrupt(path, `${this.noun}s: ${count} found, ${expected.count} written`)
    if (digest !== expected.digest) throw corrupt(path, `${this.noun}s: one is not as it was written last`)
  }

  private labelOf(name: string): string {
    return name === '' ? this.noun : `${this.noun} ${name}`
  }
}

/** The finaliser of MurmurHash3 (Appleby): each input bit changes each output bit with a chance of one half. */
function mixBits(value: number): number {
  let bits = value ^ (value >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = Math.imul(bits, 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
