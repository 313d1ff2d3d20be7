/**
 * The checked record: `version (1 byte) · check (4 bytes) · payload`. The check is a CRC-32 over key, version and
 * payload: a value that LevelDB returns under another key is as damaged as one with a flipped bit. LevelDB verifies
 * its table blocks only when it is asked to, and the `level` package offers no way to ask.
 *
 * Key, header and payload are laid out in one piece of memory, so that sealing copies the payload once and computes
 * the check in two passes: hundreds of records are sealed for each batch of a busy voter.
 */
import { crc32 } from 'node:zlib'
import type { z } from 'zod'
import { CodedError, decode } from '../base/index.ts'

/**
 * What the payload is: CBOR; or an entry of the log in fixed fields (`log-records.ts`), since format 2. A change of either
 * takes a new number.
 */
type RecordVersion = 1 | 2
const RECORD_VERSION_MAX = 2
const HEADER_BYTES = 5

export interface CheckedRecord {
  /** The record's check value: the link of the chain, the input of the fingerprint. */
  readonly check: number
  readonly version: RecordVersion
  readonly payload: Uint8Array
}

export interface SealedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly check: number
}

/** Where a record is built: the key goes to the front, the payload behind `payloadAt`. */
export class RecordDraft {
  readonly bytes: Buffer
  readonly payloadAt: number
  private readonly keyBytes: number

  constructor(keyBytes: number, payloadBytes: number) {
    this.keyBytes = keyBytes
    this.payloadAt = keyBytes + HEADER_BYTES
    this.bytes = Buffer.allocUnsafe(this.payloadAt + payloadBytes)
  }

  seal(version: RecordVersion): SealedRecord {
    const { bytes, keyBytes, payloadAt } = this
    bytes[keyBytes] = version
    const check = crc32(bytes.subarray(payloadAt), crc32(bytes.subarray(0, keyBytes + 1)))
    bytes.writeUInt32BE(check, keyBytes + 1)
    return { key: bytes.subarray(0, keyBytes), value: bytes.subarray(keyBytes), check }
  }
}

/** Seals a payload of CBOR or of somebody else's making. */
export function seal(key: Uint8Array, payload: Uint8Array): SealedRecord {
  const draft = new RecordDraft(key.length, payload.length)
  draft.bytes.set(key)
  draft.bytes.set(payload, draft.payloadAt)
  return draft.seal(1)
}

/**
 * @param path, what name the place in the error.
 * @throws CodedError `store.corrupt` when the check does not fit, `store.version` when a newer program wrote it.
 */
export function unseal(path: string, what: string, key: Uint8Array, value: Uint8Array): CheckedRecord {
  if (value.length < HEADER_BYTES) throw corrupt(path, what)
  const view = new DataView(value.buffer, value.byteOffset)
  const version = view.getUint8(0)
  const check = view.getUint32(1)
  // A plain view: LevelDB hands out Buffers, whose `slice` does not copy as that of other bytes does.
  const payload = new Uint8Array(value.buffer, value.byteOffset + HEADER_BYTES, value.length - HEADER_BYTES)
  if (check !== crc32(payload, crc32(Uint8Array.of(version), crc32(key)))) throw corrupt(path, what)
  if (version !== 1 && version !== 2)
    throw new CodedError('store.version', { path, got: version, max: RECORD_VERSION_MAX })
  return { check, version, payload }
}

/** @throws CodedError `store.corrupt` when the payload is not what `schema` says. */
export function decodePayload<Schema extends z.ZodType>(
  path: string,
  what: string,
  schema: Schema,
  payload: Uint8Array,
): z.output<Schema> {
  try {
    return decode(schema, payload, what)
  } catch (cause) {
    throw corrupt(path, what, cause)
  }
}

/** What to do about damage: opening throws it, a check collects it and goes on. */
export type OnDamage = (damage: CodedError) => void

export const refuse: OnDamage = (damage) => {
  throw damage
}

/** Runs `read` on one record. @throws what is no operating error. */
export function guarded(onDamage: OnDamage, read: () => void): void {
  try {
    read()
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown
    onDamage(thrown)
  }
}

/** `what` names the damaged or missing thing, e.g. `raft entry 17`. */
export function corrupt(path: string, what: string, cause?: unknown): CodedError {
  return new CodedError('store.corrupt', { path, what }, { cause })
}
