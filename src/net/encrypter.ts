/**
 * Noise, with three costs of each message taken out of `@libp2p/noise` 17.0.3.
 *
 * *Writes.* It hands the connection each message as a list of two parts, the length and the ciphertext, and `@libp2p/tcp` writes each
 * part by itself: two packets and two wake-ups of the peer for each message. Joining them costs a copy of at most 64 KiB and saves
 * three quarters of a leader's writes.
 *
 * *Reads.* Its decoder looks for one more message behind each, and learns from a `RangeError` that there is none. A new one with its
 * stack costs more than deciphering a small message, so the same one is thrown each time. Nobody sees it: the decoder catches it.
 *
 * *Keys.* For large messages it hands its key to `node:crypto` as bytes. Node 24 finds out that they are no `KeyObject` by two errors that
 * it throws and catches, each with its stack, for every message: more than enciphering 1 KiB costs. So it gets a `KeyObject`.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'

const makeNoise = noise()

export function encrypter(...components: Parameters<typeof makeNoise>): ConnectionEncrypter {
  const inner = makeNoise(...components)
  useKeyObjects(inner)
  const { secureInbound, secureOutbound } = inner
  inner.secureInbound = async (connection, options) =>
    withQuietEnd(await secureInbound.call(inner, inOnePiece(connection), options))
  inner.secureOutbound = async (connection, options) =>
    withQuietEnd(await secureOutbound.call(inner, inOnePiece(connection), options))
  return inner
}

function inOnePiece<Connection extends MessageStream>(connection: Connection): Connection {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data.subarray())
  return connection
}

const LENGTH_BYTES = 2
const NO_LENGTH_YET = new RangeError('no length yet')

function readLength(bytes: { readonly byteLength: number; getUint16(at: number): number }): number {
  if (bytes.byteLength < LENGTH_BYTES) throw NO_LENGTH_YET
  return bytes.getUint16(0)
}

/** Where the package keeps its decoder, as long as it does (test/net/encrypter.test.ts). */
interface WithDecoder {
  decoder?: { lengthDecoder: typeof readLength }
}

function withQuietEnd<Secured extends { readonly connection: object }>(secured: Secured): Secured {
  const { decoder } = secured.connection as WithDecoder
  if (decoder !== undefined) decoder.lengthDecoder = readLength
  return secured
}

/** From so many bytes on the package leaves the work to `node:crypto`; for less it needs the bytes of the key. */
const NATIVE_BYTES_MIN = 1200

type Key = Uint8Array | KeyObject
type Cipher = (text: Sized, nonce: Uint8Array, data: Uint8Array, key: Key, into?: Uint8Array) => unknown
type Sized = { readonly byteLength: number }

/** Where the package keeps its functions, as long as it does (test/net/encrypter.test.ts). */
interface WithCrypto {
  crypto?: { encrypt: Cipher; decrypt: Cipher }
}

function useKeyObjects(noise: object): void {
  const { crypto } = noise as WithCrypto
  if (crypto === undefined) return
  crypto.encrypt = withKeyObject(crypto.encrypt)
  crypto.decrypt = withKeyObject(crypto.decrypt)
}

function withKeyObject(cipher: Cipher): Cipher {
  // The bytes of a key live as long as its connection, and are not written to.
  const keys = new WeakMap<Uint8Array, KeyObject>()
  return (text, nonce, data, key, into) => {
    if (text.byteLength < NATIVE_BYTES_MIN || !(key instanceof Uint8Array))
      return cipher(text, nonce, data, key, into)
    const object = keys.get(key) ?? createSecretKey(key)
    keys.set(key, object)
    return cipher(text, nonce, data, object, into)
  }
}
