/** Signatures under node records, which travel through others than their authors: see `membership/signed-record.ts`. */
import type { PeerId } from '../../base/index.ts'
import { publicKeyOfPeerId, type SigningKey, verifySignature } from './signing-key.ts'

export interface RecordSigner {
  sign(statement: Uint8Array): Uint8Array
  /** Whether `peer` itself made the signature: the peer id is the key. */
  verify(peer: PeerId, statement: Uint8Array, signature: Uint8Array): boolean
}

export function recordSigner(key: SigningKey): RecordSigner {
  return {
    sign: (statement) => key.sign('node-record', statement),
    verify: (peer, statement, signature) => {
      const publicKey = publicKeyOfPeerId(peer)
      return publicKey !== undefined && verifySignature(publicKey, 'node-record', statement, signature)
    },
  }
}
