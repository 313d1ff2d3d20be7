/** The node's key in libp2p's terms. Ed25519 only: every other kind is slower, and a peer id must carry its key. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId as Libp2pPeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { assert, type PeerId, peerId } from '../base/index.ts'

const SEED_BYTES = 32
/** RFC 8410: the PKCS #8 wrapping of an Ed25519 seed. */
const PKCS8_ED25519_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

export function privateKeyOfSeed(seed: Uint8Array): PrivateKey {
  assert(seed.byteLength === SEED_BYTES, 'an Ed25519 seed has 32 bytes')
  const der = Buffer.concat([PKCS8_ED25519_HEAD, seed])
  const publicKey = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  // The last 32 bytes of the SubjectPublicKeyInfo (RFC 8410) are the key.
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-SEED_BYTES)
  return privateKeyFromRaw(Buffer.concat([seed, raw]))
}

/** The peer id of the Ed25519 key with this 32-byte seed. */
export function peerIdOfSeed(seed: Uint8Array): PeerId {
  return peerId(peerIdFromPrivateKey(privateKeyOfSeed(seed)).toString())
}

/** Our form of libp2p's peer id; undefined for a key that is not Ed25519, which is never admitted. */
export function peerIdOf(peer: Libp2pPeerId): PeerId | undefined {
  return peer.type === 'Ed25519' ? peerId(peer.toString()) : undefined
}
