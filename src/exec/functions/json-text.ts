import { CodedError, LIMITS } from '../../base/index.ts'

/**
 * `value` as JSON text; `undefined` becomes `null`.
 *
 * @param what names it in errors.
 * @throws CodedError `input.invalid`: JSON cannot say it; `task.too_large`: above `LIMITS.envelopeBytesMax`.
 */
export function jsonText(value: unknown, what: string): string {
  const text = textOf(value === undefined ? null : value, what)
  const bytes = Buffer.byteLength(text)
  if (bytes > LIMITS.envelopeBytesMax)
    throw new CodedError('task.too_large', { what, got: bytes, max: LIMITS.envelopeBytesMax })
  return text
}

function textOf(value: unknown, what: string): string {
  let text: string | undefined
  let reason = `a ${typeof value}`
  try {
    text = JSON.stringify(value)
  } catch (thrown) {
    // A cycle, a bigint, or a `toJSON` that throws.
    reason = thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '') : String(thrown)
  }
  if (text !== undefined) return text
  throw new CodedError('input.invalid', { field: what, got: reason, accepts: 'a value that JSON can say' })
}
