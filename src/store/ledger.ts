/**
 * What the whole store should contain, in one record that every batch rewrites.
 *
 * A check in each record notices a changed record, never a missing one, and LevelDB loses whole batches silently:
 * its log reader skips what does not fit and goes on. So each batch also carries, for every section, how many
 * records there are and a digest over them. After a hole the surviving ledger and the surviving records no longer
 * agree, whichever section the lost batch wrote. What is left: the *newest* batches lost together with their
 * ledgers look like an older store. `batch` counts the batches, so that a mark kept outside LevelDB can tell.
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

const fingerprintSchema = z.strictObject({ count: z.int().nonnegative(), digest: z.int().nonnegative() })
const ledgerSchema = z.strictObject({
  batch: z.int().nonnegative(),
  sections: z.record(z.enum(SECTIONS), fingerprintSchema),
})

export function emptyLedger(): Ledger {
  const sections = Object.fromEntries(SECTIONS.map((section) => [section, EMPTY]))
  return ledgerSchema.parse({ batch: 0, sections })
}

export function sealLedger(ledger: Ledger): SealedRecord {
  return seal(soleKey('ledger'), encode(ledger))
}

/** @throws CodedError `store.corrupt` */
export function unsealLedger(path: string, key: Uint8Array, value: Uint8Array): Ledger {
  const what = 'the ledger'
  return decodePayload(path, what, ledgerSchema, unseal(path, what, key, value).payload)
}
