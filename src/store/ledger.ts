/**
 * What the whole store should contain, in one record that every batch rewrites.
 *
 * A check in each record notices a changed record, never a missing one, and LevelDB loses whole batches silently:
 * its log reader skips what does not fit and goes on. So each batch also carries, for every section, how many
 * records there are and a digest over them. After a hole the surviving ledger and the surviving records no longer
 * agree, whichever section the lost batch wrote. What is left: the *newest* batches lost together with their
 * ledgers look like an older store. `batch` counts the batches, and the high-water mark outside the database tells.
 *
 * Stored as one flat list of numbers, because it is written with every batch: `batch`, then count and digest of each
 * section in the order of `SECTIONS`. Format 1 wrote maps, and knew fewer sections.
 */
import { z } from 'zod'
import { encode } from '../base/index.ts'
import { SECTIONS, type Section, soleKey } from './keyspace.ts'
import { decodePayload, type SealedRecord, seal, unseal } from './record.ts'

export interface Fingerprint {
  readonly count: number
  /** Depends on every record of the section; 0 for an empty one. */
  readonly digest: number
}

type Fingerprints = Readonly<Record<Section, Fingerprint>>

export interface Ledger {
  /** Number of batches since the store was made. */
  readonly batch: number
  readonly sections: Fingerprints
}

export const EMPTY: Fingerprint = { count: 0, digest: 0 }

const number = z.int().nonnegative()
const ledgerSchema = z.array(number).length(1 + 2 * SECTIONS.length)
const firstFormatSchema = z.strictObject({
  batch: number,
  sections: z.partialRecord(z.enum(SECTIONS), z.strictObject({ count: number, digest: number })),
})

export function emptyLedger(): Ledger {
  return { batch: 0, sections: sectionsFrom(() => EMPTY) }
}

export function sealLedger({ batch, sections }: Ledger): SealedRecord {
  const numbers = [batch]
  for (const section of SECTIONS) numbers.push(sections[section].count, sections[section].digest)
  return seal(soleKey('ledger'), encode(numbers))
}

/** @throws CodedError `store.corrupt` */
export function unsealLedger(path: string, key: Uint8Array, value: Uint8Array, format: number): Ledger {
  const what = 'the ledger'
  const { payload } = unseal(path, what, key, value)
  if (format === 1) {
    const { batch, sections } = decodePayload(path, what, firstFormatSchema, payload)
    return { batch, sections: sectionsFrom((section) => sections[section] ?? EMPTY) }
  }
  const [batch = 0, ...numbers] = decodePayload(path, what, ledgerSchema, payload)
  const at = (place: number) => numbers[place] ?? 0
  const sections = sectionsFrom((_, place) => ({ count: at(2 * place), digest: at(2 * place + 1) }))
  return { batch, sections }
}

function sectionsFrom(make: (section: Section, place: number) => Fingerprint): Fingerprints {
  const made = SECTIONS.map((section, place) => [section, make(section, place)] as const)
  return Object.fromEntries(made) as Record<Section, Fingerprint>
}
