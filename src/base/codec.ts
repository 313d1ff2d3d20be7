/**
 * Bytes ↔ values: CBOR (RFC 8949) through cborg in its strict form, used for everything that peers exchange and
 * stores keep, so that hostile or damaged bytes have exactly one way in. A decoded value is `unknown` until a
 * schema has looked at it.
 */
import { decode as cborDecode, encode as cborEncode } from 'cborg'
import { z } from 'zod'
import { CodedError } from './errors.ts'

const DECODE_OPTIONS = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  rejectDuplicateMapKeys: true,
} as const

/** Fields with the value `undefined` are left out, so that optional fields survive a round trip. */
export function encode(value: unknown): Uint8Array {
  const bytes = cborEncode(value, { ignoreUndefinedProperties: true })
  // A plain view: for some lengths cborg hands out a Buffer, whose `slice` does not copy as that of other bytes does.
  return bytes.constructor === Uint8Array
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

/**
 * @param what names the message in the error, e.g. `raft message`.
 * @throws CodedError `wire.malformed` when the bytes are not CBOR or do not fit the schema.
 */
export function decode<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array,
  what: string,
): z.output<Schema> {
  return conform(schema, decodeUnchecked(bytes, what), what)
}

/** The first half of `decode`, for a message with a reader that is faster than its schema. @throws as `decode` */
export function decodeUnchecked(bytes: Uint8Array, what: string): unknown {
  try {
    return cborDecode(bytes, DECODE_OPTIONS)
  } catch (cause) {
    throw new CodedError('wire.malformed', { what, reason: 'not CBOR' }, { cause })
  }
}

/** The second half of `decode`. @throws as `decode` */
export function conform<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const where = issue === undefined || issue.path.length === 0 ? 'the message' : issue.path.join('.')
  throw new CodedError('wire.malformed', { what, reason: `${where}: ${issue?.message ?? 'does not fit'}` })
}

/** Schema of a byte string. (`z.instanceof(Uint8Array)` would demand a view of a non-shared buffer.) */
export const bytesSchema = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes')
