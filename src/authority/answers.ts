import { z } from 'zod'
import { bytesSchema, CodedError, type ErrorCode, type ErrorDetails, isErrorCode } from '../base/index.ts'

/** The state machine's word on one command: remembered, so that a retry gets the same. */
const answer = z.discriminatedUnion('ok', [
  z.object({
    ok: z.literal(true),
    /** Lease id of a grant, session id of an open; 0 where there is none. */
    id: z.number().int().nonnegative(),
    /** Of the granted or renewed lease: the holder plans by the authority's word, not by that of whoever asked for it. */
    ttlMs: z.number().int().positive().optional(),
    /** The admitted roster entry of a repeated enrolment, encoded by its room. */
    data: bytesSchema.optional(),
  }),
  z.object({
    ok: z.literal(false),
    code: z.string(),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  }),
])
export type Answer = z.output<typeof answer>

export const answerSchema = answer

export const accepted = (
  id = 0,
  more: { readonly ttlMs?: number; readonly data?: Uint8Array } = {},
): Answer => ({
  ok: true,
  id,
  ...more,
})

export const refused = (code: ErrorCode, details: ErrorDetails = {}): Answer => ({
  ok: false,
  code,
  details: { ...details },
})

/** @throws CodedError the refusal, when the answer is one. */
export function unwrap(value: Answer): Extract<Answer, { ok: true }> {
  if (value.ok) return value
  if (isErrorCode(value.code)) throw new CodedError(value.code, value.details)
  throw new CodedError('peer.failed', { code: value.code, reason: 'the authority refused' })
}
