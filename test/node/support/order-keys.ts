import { createHash } from 'node:crypto'
import type { PeerId } from '../../../src/base/index.ts'
import type { OrderKeys } from '../../../src/node/order-judge.ts'

/** Signatures of peers that have no keys: a hash of signer and statement, as long as a real one. */
export function standInKeys(self: PeerId): OrderKeys {
  return {
    sign: (statement) => signatureOf(self, statement),
    verify: (issuer, statement, signature) => Buffer.compare(signature, signatureOf(issuer, statement)) === 0,
  }
}

function signatureOf(issuer: PeerId, statement: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha512').update(issuer).update(statement).digest())
}
