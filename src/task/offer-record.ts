import { z } from 'zod'
import { decode, encode, type LeaseId, type PeerId, type UnixMs } from '../base/index.ts'
import { outcomeSchema } from './messages.ts'
import { runChangeSchema } from './run-states.ts'
import { STOPS, type StopCause } from './stop-causes.ts'
import { workSchema } from './work.ts'

const OFFER_STATES = [
  'new',
  'confirming',
  'starting',
  'running',
  'ending',
  'ended',
  'finished',
  'refused',
] as const

const unixMs = z.number().transform((value) => value as UnixMs)

const recordSchema = z.object({
  idempotencyKey: z.string(),
  taskId: z.number(),
  submitter: z.string().transform((value) => value as PeerId),
  leaseId: z
    .number()
    .transform((value) => value as LeaseId)
    .optional(),
  ttlMs: z.number().optional(),
  /** TTL of the submitter's own lease; absent: it goes on whoever is away. */
  attachedTtlMs: z.number().optional(),
  traceparent: z.string().optional(),
  deadlineUnixMs: unixMs.optional(),
  /** Absent where only the end is known: a cancel that came instead of the offer, and what is finished. */
  work: workSchema.optional(),
  state: z.enum(OFFER_STATES),
  stopCause: z.enum(Object.keys(STOPS) as [StopCause, ...StopCause[]]).optional(),
  outcome: outcomeSchema.optional(),
  starts: z.number(),
  /** Of the command's first process, at the worker. */
  pid: z.number().optional(),
  runs: z.array(runChangeSchema).default([]),
  /** Rises with each end at this worker: results are relayed in this order. */
  endNumber: z.number().optional(),
  finishedUnixMs: unixMs.optional(),
  /** Finished, and it was not proven that nothing of it is left. */
  mayBeLeft: z.boolean().optional(),
})

type Loose = z.output<typeof recordSchema>
/** What the worker knows of one attempt: all of it until the submitter has the result, then that there was one. */
export type OfferRecord = { readonly [Key in keyof Loose]: Loose[Key] }

/** Two attempts of one task differ in their lease. */
export function attemptKey(idempotencyKey: string, leaseId: LeaseId | undefined): string {
  return `${idempotencyKey}/${leaseId ?? 'local'}`
}

export const encodeOfferRecord = (record: OfferRecord): Uint8Array => encode(record)
export const decodeOfferRecord = (bytes: Uint8Array): OfferRecord =>
  decode(recordSchema, bytes, 'offer record')
