/**
 * A node record as it travels: with its author's signature, because it also comes from others than its author (anti-entropy),
 * and a record says where its author is dialled. Signed are the author, the life it belongs to, the version and the record, in
 * the canonical encoding of `encode`; made and checked by the driver, since a core knows no cryptography.
 */
import { z } from 'zod'
import { bytesSchema, encode, type PeerId } from '../base/index.ts'
import { type NodeRecord, nodeRecordSchema } from './node-record.ts'
import { peerSchema } from './wire-fields.ts'

const SIGNATURE_BYTES = 64

export const signatureSchema = bytesSchema.refine((bytes) => bytes.length === SIGNATURE_BYTES, '64 bytes')

export const signedRecordSchema = z.object({
  peer: peerSchema,
  /** Of the author; see `incarnation.ts`. A new life begins without a record. */
  life: z.number().int().min(1),
  /** Rises with each change within one life, from 1. */
  version: z.number().int().min(1),
  record: nodeRecordSchema,
  signature: signatureSchema,
})

export type SignedRecord = Readonly<z.output<typeof signedRecordSchema>>

/** The bytes that are signed. */
export function recordStatement(peer: PeerId, life: number, version: number, record: NodeRecord): Uint8Array {
  return encode(['populi node record 1', peer, life, version, record])
}
