import { CodedError } from '../../base/index.ts'

/**
 * `value` as JSON text; `undefined` becomes `null`.
 *
 * @param what names it in the error.
 * @throws CodedError `input.invalid`: JSON cannot say it.
 */
export function jsonText(value: unknown, what: string): string {
  let text: string | undefined
  let got = `a ${typeof value}`
  try {
    text = JSON.stringify(value === undefined ? null : value)
  } catch (thrown) {
    // A cycle, a bigint, or a `toJSON` that throws.
    got = thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '') : String(thrown)
  }
  if (text !== undefined) return text
  throw new CodedError('input.invalid', { field: what, got, accepts: 'a value that JSON can say' })
}
