/** Fields that commands and stored rows share: one bound each, checked wherever bytes come in. */
import { z } from 'zod'
import { bytesSchema, type LeaseId, LIMITS, type PeerId, type ScopeKey, type UnixMs } from '../base/index.ts'

const utf8 = new TextEncoder()

/** Text of 1 to `bytesMax` bytes of UTF-8. */
export const text = (bytesMax: number) =>
  z
    .string()
    .min(1)
    // One UTF-16 unit becomes at most three bytes: short text need not be measured.
    .refine((value) => value.length * 3 <= bytesMax || utf8.encode(value).length <= bytesMax, {
      error: `longer than ${bytesMax} bytes`,
    })

export const bytes = (bytesMax: number) =>
  bytesSchema.refine((value) => value.length <= bytesMax, { error: `longer than ${bytesMax} bytes` })

export const peer = text(LIMITS.idBytesMax).transform((value) => value as PeerId)
export const scopeKey = text(LIMITS.scopeKeyBytesMax).transform((value) => value as ScopeKey)
export const ttlMs = z.number().int().min(LIMITS.leaseTtlMsMin).max(LIMITS.leaseTtlMsMax)
export const revokeReason = text(LIMITS.revokeReasonBytesMax)

export const leaseId = z
  .number()
  .int()
  .positive()
  .transform((value) => value as LeaseId)

export const unixMs = z
  .number()
  .int()
  .nonnegative()
  .transform((value) => value as UnixMs)

/** Counters: renewals, sequences, log indexes. */
export const count = z.number().int().nonnegative()
export const positive = z.number().int().positive()
