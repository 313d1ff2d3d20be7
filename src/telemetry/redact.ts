/**
 * What may stand in a log line. A secret is known by the name of its field, at any depth: the rule of the house is that
 * nobody logs one, and this is for the day when somebody does. Raw bytes are never written out, whatever their name.
 */
import { CodedError } from '../base/index.ts'

const REDACTED = '[redacted]'
/** Deeper than any field of ours; ends circular structures. */
const DEPTH_MAX = 8
/** Compared without case, hyphens and underscores. A lease's token is public, so `token` is not among them. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'authorization',
  'bearertoken',
  'bootstraptoken',
  'cookie',
  'derivedkey',
  'invite',
  'proof',
])
const SECRET_ENDINGS = ['secret', 'password', 'privatekey']

/** A copy of `value` in which secrets are replaced and errors and bytes are described. */
function redacted(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > DEPTH_MAX) return '[too deep]'
  if (value instanceof Error) return describeError(value, depth)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) return value.map((item) => redacted(item, depth + 1))
  return redactedFields(value, depth)
}

export function redactedFields(fields: object, depth = 0): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    isSecret(name) ? REDACTED : redacted(value, depth + 1),
  ])
  return Object.fromEntries(entries)
}

function isSecret(name: string): boolean {
  const plain = name.toLowerCase().replace(/[-_]/g, '')
  return SECRET_NAMES.has(plain) || SECRET_ENDINGS.some((ending) => plain.endsWith(ending))
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    ...(error instanceof CodedError && { code: error.code }),
    message: error.message,
    stack: error.stack,
    ...(error.cause !== undefined && { cause: redacted(error.cause, depth + 1) }),
  }
}
