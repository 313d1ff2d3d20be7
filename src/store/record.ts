/**
 * The checked record: `version (1 byte) · check (4 bytes) · payload`. The check is a CRC-32 over key, version and
 * payload: a value that LevelDB returns under another key is as damaged as one with a flipped bit. LevelDB verifies
 * its table blocks only when it is asked to, and the `level` package offers no way to ask.
 */
import { crc32 } from 'node:zlib'
import type { z } from 'zod'
import { CodedError, decode } from '../base/index.ts'

/** Version of the envelope and of the payloads in it. A change of either raises it and brings a migration. */
const RECORD_VERSION = 1
const HEADER_BYTES = 5

export interface CheckedRecord {
  /** The record's check value: the link of the chain, the input of the fingerprint. */
  readonly check: number
  readonly payload: Uint8Array
}

export interface SealedRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly check: number
}

export function seal(key: Uint8Array, payload: Uint8Array): SealedRecord {
  const value = new Uint8Array(HEADER_BYTES + payload.length)
  const check = checkOf(key, RECORD_VERSION, payload)
  value[0] = RECORD_VERSION
  new DataView(value.buffer).setUint32(1, check)
  value.set(payload, HEADER_BYTES)
  return { key, value, check }
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
  if (check !== checkOf(key, version, payload)) throw corrupt(path, what)
  if (version !== RECORD_VERSION)
    throw new CodedError('store.version', { path, got: version, max: RECORD_VERSION })
  return { check, payload }
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

function checkOf(key: Uint8Array, version: number, payload: Uint8Array): number {
  return crc32(payload, crc32(Uint8Array.of(version), crc32(key)))
}
