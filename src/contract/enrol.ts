/**
 * Enrolment on the wire (additive to the older contract). What the fields prove is the work of `node/identity`; what
 * they look like is fixed here. Bytes are base64url in JSON and `Uint8Array` in the program.
 */
import { z } from 'zod'
import {
  type InviteId,
  LIMITS,
  type NodeId,
  nodeId,
  type PeerId,
  peerId,
  type ScopeId,
  scopeId,
} from '../base/index.ts'
import { bytesText } from './bytes-text.ts'

const INVITE_ID = /^[a-z2-7]{26}$/
const MULTIADDR = /^\/[\x21-\x7e]+$/

/** A text that its checked constructor accepts. */
function id<Id extends string>(check: (value: string) => Id, message: string) {
  return z.custom<Id>((value) => {
    if (typeof value !== 'string') return false
    try {
      check(value)
      return true
    } catch {
      return false
    }
  }, message)
}

export const enrolRequestSchema = z.object({
  version: z.literal(1),
  inviteId: z.custom<InviteId>(
    (value) => typeof value === 'string' && INVITE_ID.test(value),
    'expected an invite id',
  ),
  scopeId: id<ScopeId>(scopeId, 'expected a scope id'),
  /** The machine that wants in, by its own new key. */
  peerId: id<PeerId>(peerId, 'expected an Ed25519 peer id'),
  /** The name that it wants. */
  nodeId: id<NodeId>(nodeId, 'expected a node id'),
  /** Makes each request, and with it the key of its answer, unlike any other. */
  nonce: bytesText(32),
  /** Multiaddrs at which it will listen; may be empty. */
  addresses: z.array(z.string().max(LIMITS.addressBytesMax).regex(MULTIADDR)).max(LIMITS.addressesMax),
  /** HMAC-SHA256 of all the fields above under the invite's key: knows the secret. */
  proof: bytesText(32),
  /** Ed25519 signature of the same by the peer key: holds the key it wants admitted. */
  keyProof: bytesText(64),
})
export type EnrolRequest = z.output<typeof enrolRequestSchema>

export const enrolAnswerSchema = z.object({
  version: z.literal(1),
  /** Not secret; the joiner compares its fingerprint with that of the invite. */
  rootPublicKey: bytesText(32),
  /** Credential and roster, signed by the root key and sealed so that only the holder of the invite can read them. */
  sealed: bytesText(1, LIMITS.enrolAnswerBytesMax),
})
export type EnrolAnswer = z.output<typeof enrolAnswerSchema>
