/**
 * Ed25519 keys (RFC 8032): one per node, whose public half *is* the peer id, and the root key of the scope.
 *
 * Every signature of ours is over a named purpose and the bytes. The peer key also signs for libp2p (Noise, gossip),
 * whose texts begin differently, so no signature made for one purpose can be shown for another.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign as ed25519Sign,
  verify as ed25519Verify,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { assert, type PeerId, peerId } from '../../base/index.ts'

export const SEED_BYTES = 32
export const PUBLIC_KEY_BYTES = 32

/** What a signature is for. */
type Purpose = 'credential' | 'enrol-request' | 'enrol-answer' | 'node-record' | 'admin-order'

/** DER of an Ed25519 key up to the raw bytes (RFC 8410): node:crypto takes no raw keys. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_HEAD = Buffer.from('302a300506032b6570032100', 'hex')

/** A private key. The seed is in a private field: neither a log nor `JSON.stringify` shows it. */
export class SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  readonly #seed: Uint8Array
  readonly #key: KeyObject

  private constructor(seed: Uint8Array) {
    assert(seed.length === SEED_BYTES, 'an Ed25519 seed has 32 bytes')
    this.#seed = Uint8Array.from(seed)
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.publicKey = Uint8Array.from(spki.subarray(SPKI_HEAD.length))
  }

  static generate(): SigningKey {
    return new SigningKey(randomBytes(SEED_BYTES))
  }

  static fromSeed(seed: Uint8Array): SigningKey {
    return new SigningKey(seed)
  }

  /** 64 bytes. */
  sign(purpose: Purpose, message: Uint8Array): Uint8Array {
    return Uint8Array.from(ed25519Sign(null, forPurpose(purpose, message), this.#key))
  }

  /** The secret itself: for the key file and for libp2p, which makes its own key object of it. */
  exportSeed(): Uint8Array {
    return Uint8Array.from(this.#seed)
  }
}

export function verifySignature(
  publicKey: Uint8Array,
  purpose: Purpose,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== 64) return false
  const key = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' })
  return ed25519Verify(null, forPurpose(purpose, message), key, signature)
}

/** Text form of the libp2p peer id of an Ed25519 public key. */
export function peerIdOfPublicKey(publicKey: Uint8Array): PeerId {
  return peerId(peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString())
}

/** The public key inside a peer id; `undefined` when the text only looks like one. */
export function publicKeyOfPeerId(peer: PeerId): Uint8Array | undefined {
  try {
    return peerIdFromString(peer).publicKey?.raw
  } catch {
    return undefined
  }
}

function forPurpose(purpose: Purpose, message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`populi-mesh/${purpose}/v1\0`), message])
}
