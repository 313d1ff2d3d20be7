/**
 * Bytes in JSON and in invites: base64url without padding (RFC 4648 §5), and only its one canonical spelling, so that
 * two texts never mean the same bytes.
 */
import { z } from 'zod'
import { bytesSchema } from '../base/index.ts'

const BASE64URL = /^[A-Za-z0-9_-]*$/

export function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** The bytes, or `undefined` when `text` is not their canonical spelling. */
export function fromBase64url(text: string): Uint8Array | undefined {
  if (!BASE64URL.test(text)) return undefined
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'))
  return toBase64url(bytes) === text ? bytes : undefined
}

/** A field that is text in JSON and bytes in the program, of `bytesMin` to `bytesMax` bytes. */
export function bytesText(bytesMin: number, bytesMax = bytesMin) {
  const text = z.string().max(Math.ceil((bytesMax * 4) / 3))
  const bytes = bytesSchema.refine(
    (value) => value.length >= bytesMin && value.length <= bytesMax,
    bytesMin === bytesMax ? `expected ${bytesMin} bytes` : `expected ${bytesMin} to ${bytesMax} bytes`,
  )
  return z.codec(text, bytes, {
    decode: (value, context) => {
      const decoded = fromBase64url(value)
      if (decoded !== undefined) return decoded
      context.issues.push({ code: 'custom', input: value, message: 'expected base64url without padding' })
      return z.NEVER
    },
    encode: toBase64url,
  })
}
