/**
 * W3C Trace Context (https://www.w3.org/TR/trace-context/, §3.2): `00-<trace id>-<span id>-<flags>`. A trace id stays the same
 * on every hop; whoever does something of its own makes a span id for it.
 */
import type { Random } from '../base/index.ts'

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?$/
const TRACE_ID_WORDS = 4
const SPAN_ID_WORDS = 2

/** `undefined` for text that is none: then there is no trace to carry on. */
export function traceIdOf(traceparent: string | undefined): string | undefined {
  return traceparent === undefined ? undefined : TRACEPARENT.exec(traceparent)?.[1]
}

/** A trace that begins here, sampled: few tasks are worth a record each. */
export function newTraceparent(random: Random): string {
  return `00-${randomHex(TRACE_ID_WORDS, random)}-${randomHex(SPAN_ID_WORDS, random)}-01`
}

/** The same trace with a span of its own; `undefined` for text that is no traceparent. */
export function childTraceparent(traceparent: string | undefined, random: Random): string | undefined {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent)
  if (match === null) return undefined
  return `00-${match[1]}-${randomHex(SPAN_ID_WORDS, random)}-${match[2]}`
}

/** Never all zeros, which stands for "none". */
function randomHex(words: number, random: Random): string {
  const text = Array.from({ length: words }, () => random.nextUint32().toString(16).padStart(8, '0')).join('')
  return /^0+$/.test(text) ? randomHex(words, random) : text
}
