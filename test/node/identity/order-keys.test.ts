import { expect, test } from 'vitest'
import type { PeerId } from '../../../src/base/index.ts'
import { orderKeysOf, SigningKey } from '../../../src/node/identity/index.ts'
import { peerIdOfPublicKey } from '../../../src/node/identity/signing-key.ts'

const STATEMENT = new TextEncoder().encode('quarantine attic')

test('an order is signed with the node key and checked with nothing but the peer id', () => {
  const [desk, attic] = [SigningKey.generate(), SigningKey.generate()]
  const issuer = peerIdOfPublicKey(desk.publicKey)
  const { verify } = orderKeysOf(attic)
  const signature = orderKeysOf(desk).sign(STATEMENT)
  expect(verify(issuer, STATEMENT, signature)).toBe(true)
  expect(verify(issuer, STATEMENT.subarray(1), signature)).toBe(false)
  expect(verify(peerIdOfPublicKey(attic.publicKey), STATEMENT, signature)).toBe(false)
  expect(verify(issuer, STATEMENT, signature.with(0, (signature[0] ?? 0) ^ 1))).toBe(false)
})

test('a signature that the same key made for something else is none', () => {
  const key = SigningKey.generate()
  const issuer = peerIdOfPublicKey(key.publicKey)
  const { verify } = orderKeysOf(key)
  expect(verify(issuer, STATEMENT, key.sign('credential', STATEMENT))).toBe(false)
})

test('a text that only looks like a peer id signs nothing', () => {
  const key = SigningKey.generate()
  const { sign, verify } = orderKeysOf(key)
  expect(verify(`12D3KooW${'z'.repeat(44)}` as PeerId, STATEMENT, sign(STATEMENT))).toBe(false)
})
