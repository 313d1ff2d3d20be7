import { CodedError, LIMITS } from '../../base/index.ts'
import type { FunctionContext, FunctionHandler } from './handler.ts'
import type { CallResult } from './host-protocol.ts'
import { jsonText } from './json-text.ts'

/** Calls the handler and turns whatever comes of it into a result. Never rejects. */
export async function invoke(
  handler: FunctionHandler,
  { name, inputJson }: { readonly name: string; readonly inputJson: string },
  context: FunctionContext,
): Promise<Omit<CallResult, 'isSpent'>> {
  try {
    // What the type of a handler says of its input is a promise of the submitter, like the type of any parsed JSON.
    const value = await handler(JSON.parse(inputJson) as never, context)
    return { valueJson: valueText(value, name) }
  } catch (thrown) {
    const reason = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    const isOurs = thrown instanceof CodedError && thrown.code === 'function.value_too_large'
    const error = isOurs ? thrown : new CodedError('function.failed', { function: name, reason: cut(reason) })
    const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
    return { error: error.toShape(), stack: cut(stack) }
  }
}

/** A text of users may be of any length. In characters, of which each has up to three bytes. */
function cut(text: string): string {
  return text.slice(0, LIMITS.errorTextBytesMax / 4)
}

function valueText(value: unknown, name: string): string {
  const text = jsonText(value, `the value of function ${name}`)
  const got = Buffer.byteLength(text)
  const max = LIMITS.envelopeBytesMax
  if (got > max) throw new CodedError('function.value_too_large', { function: name, got, max })
  return text
}
