import { z } from 'zod'
import { decode, encode, type LeaseId, type PeerId } from '../base/index.ts'
import { outcomeSchema } from './messages.ts'
import { workSchema } from './work.ts'

const recordSchema = z.object({
  idempotencyKey: z.string(),
  taskId: z.number(),
  submitter: z.string().transform((value) => value as PeerId),
  leaseId: z
    .number()
    .transform((value) => value as LeaseId)
    .optional(),
  ttlMs: z.number().optional(),
  work: workSchema,
  state: z.enum(['new', 'confirming', 'starting', 'running', 'ending', 'ended']),
  stopCause: z
    .enum([
      'cancelled',
      'lease-lost',
      'submitter-lost',
      'node-stopping',
      'timeout',
      'quarantined',
      'drain-deadline',
    ])
    .optional(),
  outcome: outcomeSchema.optional(),
  starts: z.number(),
  /** Of the command's first process, at the worker. */
  pid: z.number().optional(),
})

type Loose = z.output<typeof recordSchema>
/** What the worker knows of one attempt and keeps in its journal until the submitter has the result. */
export type OfferRecord = { readonly [Key in keyof Loose]: Loose[Key] }

/** Two attempts of one task differ in their lease. */
export function attemptKey(idempotencyKey: string, leaseId: LeaseId | undefined): string {
  return `${idempotencyKey}/${leaseId ?? 'local'}`
}

export const encodeOfferRecord = (record: OfferRecord): Uint8Array => encode(record)
export const decodeOfferRecord = (bytes: Uint8Array): OfferRecord =>
  decode(recordSchema, bytes, 'offer record')
