/**
 * The root key on its way to another voter: sealed to a key pair that the asking node made for this one request
 * (X25519, RFC 7748; HKDF-SHA256; AES-256-GCM). The stream between the two is encrypted and authenticated already; the
 * seal keeps the key out of everything that might look at messages on the way: logs, traces, captured frames.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { CodedError } from '../../base/index.ts'
import { SEED_BYTES, SigningKey } from './signing-key.ts'

const SPKI_HEAD = Buffer.from('302a300506032b656e032100', 'hex')
const RAW_KEY_BYTES = 32
const TAG_BYTES = 16
/** A key seals once, so its nonce may be fixed. */
const IV = new Uint8Array(12)

interface SealedRootKey {
  /** The sealing side's half of the agreement, 32 bytes. */
  readonly sender: Uint8Array
  readonly box: Uint8Array
}

/** One request for the root key. */
export class RootKeyRequest {
  /** 32 bytes, for the holder. */
  readonly publicKey: Uint8Array
  readonly #privateKey: KeyObject

  constructor() {
    const pair = generateKeyPairSync('x25519')
    this.publicKey = rawOf(pair.publicKey)
    this.#privateKey = pair.privateKey
  }

  /**
   * @param rootPublicKey what the key must belong to.
   * @throws CodedError `enrol.answer_invalid` when the box does not hold that key.
   */
  open({ sender, box }: SealedRootKey, rootPublicKey: Uint8Array, from: string): SigningKey {
    const invalid = (): CodedError =>
      new CodedError('enrol.answer_invalid', { url: from, reason: 'it does not hold the root key' })
    if (sender.length !== RAW_KEY_BYTES || box.length !== SEED_BYTES + TAG_BYTES) throw invalid()
    let seed: Buffer
    try {
      const key = agree(this.#privateKey, sender, this.publicKey)
      const decipher = createDecipheriv('aes-256-gcm', key, IV, { authTagLength: TAG_BYTES })
      decipher.setAuthTag(box.subarray(SEED_BYTES))
      seed = Buffer.concat([decipher.update(box.subarray(0, SEED_BYTES)), decipher.final()])
    } catch {
      throw invalid()
    }
    const rootKey = SigningKey.fromSeed(seed)
    if (!Buffer.from(rootKey.publicKey).equals(rootPublicKey)) throw invalid()
    return rootKey
  }
}

/** @throws CodedError `wire.malformed` when `recipient` is no X25519 public key. */
export function sealRootKey(rootKey: SigningKey, recipient: Uint8Array): SealedRootKey {
  const pair = generateKeyPairSync('x25519')
  let key: Uint8Array
  try {
    key = agree(pair.privateKey, recipient, recipient)
  } catch (cause) {
    throw new CodedError(
      'wire.malformed',
      { what: 'root key request', reason: 'not a public key' },
      { cause },
    )
  }
  const cipher = createCipheriv('aes-256-gcm', key, IV)
  const box = Buffer.concat([cipher.update(rootKey.exportSeed()), cipher.final(), cipher.getAuthTag()])
  return { sender: rawOf(pair.publicKey), box: Uint8Array.from(box) }
}

function agree(privateKey: KeyObject, publicKey: Uint8Array, recipient: Uint8Array): Uint8Array {
  const other = createPublicKey({ key: Buffer.concat([SPKI_HEAD, publicKey]), format: 'der', type: 'spki' })
  const secret = diffieHellman({ privateKey, publicKey: other })
  return new Uint8Array(hkdfSync('sha256', secret, recipient, 'populi-mesh/root-key/v1', 32))
}

function rawOf(publicKey: KeyObject): Uint8Array {
  return Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_HEAD.length))
}
