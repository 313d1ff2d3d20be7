/** Reading a section of named records against what the ledger says of it. */
import type { RecordSource } from './engine.ts'
import { nameOf, PREFIX, type Section } from './keyspace.ts'
import type { Fingerprint } from './ledger.ts'
import { type CheckedRecord, corrupt, guarded, type OnDamage, unseal } from './record.ts'

/** What one record of a section is called in an error. */
const NOUNS: Readonly<Record<Exclude<Section, 'entries'>, string>> = {
  hardState: 'hard state',
  base: 'base of the log',
  applied: 'applied index',
  state: 'state record',
  submitterJournal: 'submitter journal record',
  workerJournal: 'worker journal record',
  meta: 'meta record',
  rejoin: 'rejoin note',
}

export type NamedSection = keyof typeof NOUNS

/** Shows every sound record in ascending order of its name's bytes; each damaged or missing one is damage. */
export async function readSection(
  source: RecordSource,
  section: NamedSection,
  expected: Fingerprint | undefined,
  visit: (name: string, record: CheckedRecord) => void,
  onDamage: OnDamage,
): Promise<void> {
  const { path } = source
  const noun = NOUNS[section]
  let count = 0
  let digest = 0
  let damaged = 0
  const note: OnDamage = (damage) => {
    damaged += 1
    onDamage(damage)
  }
  await source.scan(PREFIX[section], (key, value) => {
    count += 1
    guarded(note, () => {
      const name = nameOf(key)
      if (name === undefined) throw corrupt(path, `${noun} with a name that is no text`)
      const record = unseal(path, name === '' ? noun : `${noun} ${name}`, key, value)
      visit(name, record)
      digest = (digest ^ mixBits(record.check)) >>> 0
    })
  })
  if (expected === undefined) return
  if (count !== expected.count) onDamage(corrupt(path, `${noun}s: ${count} found, ${expected.count} written`))
  else if (damaged === 0 && digest !== expected.digest)
    onDamage(corrupt(path, `${noun}s: one is not as it was written last`))
}

/** The finaliser of MurmurHash3 (Appleby): each input bit changes each output bit with a chance of one half. */
export function mixBits(value: number): number {
  let bits = value ^ (value >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = Math.imul(bits, 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
