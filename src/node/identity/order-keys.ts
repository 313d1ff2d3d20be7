import type { PeerId } from '../../base/index.ts'
import { publicKeyOfPeerId, type SigningKey, verifySignature } from './signing-key.ts'

/** How admin orders are signed with a node's own key, and checked with that inside their issuer's peer id. */
export function orderKeysOf(key: SigningKey): {
  sign(statement: Uint8Array): Uint8Array
  verify(issuer: PeerId, statement: Uint8Array, signature: Uint8Array): boolean
} {
  return {
    sign: (statement) => key.sign('admin-order', statement),
    verify: (issuer, statement, signature) => {
      const publicKey = publicKeyOfPeerId(issuer)
      return publicKey !== undefined && verifySignature(publicKey, 'admin-order', statement, signature)
    },
  }
}
