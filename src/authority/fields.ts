/** Fields that commands and stored rows share: one bound each, checked wherever bytes come in. */
import { z } from 'zod'
import { bytesSchema, type LeaseId, LIMITS, type PeerId, type ScopeKey, type UnixMs } from '../base/index.ts'

/** Whether `value` has at most `bytesMax` bytes in UTF-8. */
function fitsUtf8(value: string, bytesMax: number): boolean {
  if (value.length * 3 <= bytesMax) return true
  let bytesTotal = 0
  for (let at = 0; at < value.length && bytesTotal <= bytesMax; at++) {
    const unit = value.charCodeAt(at)
    const isSurrogate = unit >= 0xd800 && unit < 0xe000 // two of them are four bytes
    bytesTotal += unit < 0x80 ? 1 : unit < 0x800 || isSurrogate ? 2 : 3
  }
  return bytesTotal <= bytesMax
}

/** What `text` accepts. */
export const isText = (value: unknown, bytesMax: number): value is string =>
  typeof value === 'string' && value.length > 0 && fitsUtf8(value, bytesMax)

/** Text of 1 to `bytesMax` bytes of UTF-8. */
export const text = (bytesMax: number) =>
  z
    .string()
    .min(1)
    .refine((value) => fitsUtf8(value, bytesMax), { error: `longer than ${bytesMax} bytes` })

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
