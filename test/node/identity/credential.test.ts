import { inspect } from 'node:util'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { describe, expect, it } from 'vitest'
import { CodedError, LIMITS, nodeId } from '../../../src/base/index.ts'
import { issueCredential, SigningKey, verifyCredential } from '../../../src/node/identity/index.ts'
import { base32, scopeIdOfRoot } from '../../../src/node/identity/scope.ts'
import {
  peerIdOfPublicKey,
  publicKeyOfPeerId,
  verifySignature,
} from '../../../src/node/identity/signing-key.ts'
import { codeOf, NOW } from './fixtures.ts'

const rootKey = SigningKey.generate()
const scopeId = scopeIdOfRoot(rootKey.publicKey)
const peerId = peerIdOfPublicKey(SigningKey.generate().publicKey)
const signed = issueCredential(rootKey, {
  peerId,
  nodeId: nodeId('laptop'),
  roles: ['worker'],
  nowUnixMs: NOW,
})
const verify = (now = NOW, credential = signed) =>
  verifyCredential(rootKey.publicKey, scopeId, credential, now)

const reasonOf = (call: () => unknown): string => {
  try {
    call()
  } catch (cause) {
    if (cause instanceof CodedError && cause.code === 'credential.invalid') return cause.message
    throw cause
  }
  return 'accepted'
}

describe('credential', () => {
  it('says after verification what was issued', () => {
    expect(verify()).toMatchObject({ scopeId, peerId, nodeId: 'laptop', roles: ['worker'] })
    const other = issueCredential(rootKey, {
      peerId,
      nodeId: nodeId('laptop'),
      roles: ['worker'],
      nowUnixMs: NOW,
    })
    expect(verify(NOW, other).serial).not.toBe(verify().serial)
  })

  it('is refused when any byte of statement or signature was changed', () => {
    for (const part of ['statement', 'signature'] as const) {
      for (let index = 0; index < signed[part].length; index += 1) {
        const bytes = signed[part].map((byte, at) => (at === index ? byte ^ 0x40 : byte))
        expect(reasonOf(() => verify(NOW, { ...signed, [part]: bytes }))).toContain('signature')
      }
    }
  })

  it('is refused when it is by another root, for another scope, cut off or too long', () => {
    const other = SigningKey.generate()
    const otherScope = scopeIdOfRoot(other.publicKey)
    expect(reasonOf(() => verifyCredential(other.publicKey, otherScope, signed, NOW))).toContain('signature')
    expect(reasonOf(() => verifyCredential(rootKey.publicKey, otherScope, signed, NOW))).toContain(
      'for scope',
    )
    expect(reasonOf(() => verify(NOW, { ...signed, signature: signed.signature.subarray(1) }))).toContain(
      'signature',
    )
    expect(reasonOf(() => verify(NOW, { ...signed, statement: new Uint8Array(2000) }))).toContain('too long')
  })

  it('is refused when the root signed something that is no credential', () => {
    const statement = new Uint8Array([1, 2, 3])
    const forged = { statement, signature: rootKey.sign('credential', statement) }
    expect(reasonOf(() => verify(NOW, forged))).toContain('malformed')
  })

  it('counts for a machine whose clock is a day behind, and ends at its last moment', () => {
    const begins = NOW - LIMITS.credentialClockSkewMs
    const ends = NOW + LIMITS.credentialValidityMs
    expect(reasonOf(() => verify(begins - 1))).toContain('is the clock right')
    expect(reasonOf(() => verify(begins))).toBe('accepted')
    expect(reasonOf(() => verify(ends - 1))).toBe('accepted')
    expect(reasonOf(() => verify(ends))).toContain('ended')
  })
})

describe('signing key', () => {
  it('has the peer id that libp2p gives to the same seed', async () => {
    const seed = Uint8Array.from({ length: 32 }, (_, index) => index)
    const key = SigningKey.fromSeed(seed)
    const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed))
    expect(peerIdOfPublicKey(key.publicKey)).toBe(theirs.toString())
    expect(publicKeyOfPeerId(peerIdOfPublicKey(key.publicKey))).toEqual(key.publicKey)
  })

  it('a signature for one purpose is none for another', () => {
    const message = new Uint8Array([1, 2, 3])
    const signature = rootKey.sign('credential', message)
    expect(verifySignature(rootKey.publicKey, 'credential', message, signature)).toBe(true)
    expect(verifySignature(rootKey.publicKey, 'enrol-answer', message, signature)).toBe(false)
  })

  it('shows its seed to nobody who prints it', () => {
    const seed = Buffer.from(rootKey.exportSeed())
    const printed = [JSON.stringify(rootKey), inspect(rootKey, { depth: 9, showHidden: true })].join()
    for (const spelling of [seed.toString('hex'), seed.toString('base64url'), [...seed].join(',')]) {
      expect(printed).not.toContain(spelling)
    }
  })

  it('a peer id that is none has no key', async () => {
    const broken = `${peerId.slice(0, -1)}${peerId.endsWith('1') ? '2' : '1'}`
    const key = publicKeyOfPeerId(broken as typeof peerId)
    expect(key === undefined || peerIdOfPublicKey(key) === broken).toBe(true)
    expect(await codeOf(() => verifySignature(new Uint8Array(3), 'credential', seedless, seedless))).toBe(
      'no error',
    )
    expect(verifySignature(new Uint8Array(3), 'credential', seedless, seedless)).toBe(false)
  })

  it('writes base32 as RFC 4648 does', () => {
    const vectors = { '': '', f: 'my', fo: 'mzxq', foo: 'mzxw6', foob: 'mzxw6yq', fooba: 'mzxw6ytb' }
    for (const [text, expected] of Object.entries(vectors)) expect(base32(Buffer.from(text))).toBe(expected)
  })
})

const seedless = new Uint8Array(64)
