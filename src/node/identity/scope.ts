import { createHash } from 'node:crypto'
import { type ScopeId, scopeId } from '../../base/index.ts'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
/** 128 bits of the hash: nobody finds a second root key with the same scope id. */
const SCOPE_ID_BYTES = 16

/** SHA-256 of the root public key: 32 bytes that pin the root key before the joiner has seen it. */
export function rootFingerprintOf(rootPublicKey: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(rootPublicKey).digest())
}

/** The scope's id is the beginning of the fingerprint, so the two can never disagree. */
export function scopeIdOfFingerprint(fingerprint: Uint8Array): ScopeId {
  return scopeId(base32(fingerprint.subarray(0, SCOPE_ID_BYTES)))
}

export function scopeIdOfRoot(rootPublicKey: Uint8Array): ScopeId {
  return scopeIdOfFingerprint(rootFingerprintOf(rootPublicKey))
}

/** RFC 4648 §6 in lower case without padding: can be read aloud, and typed on any keyboard. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += BASE32.charAt((buffer >> bits) & 31)
    }
    buffer &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + BASE32.charAt((buffer << (5 - bits)) & 31)
}
