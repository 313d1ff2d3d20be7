/**
 * The joiner's half of enrolment: "I know the secret of this invite, I hold the key of this peer id, and I ask for this
 * name." Both proofs are over the same transcript, so no field can be exchanged on the way; the secret
 * itself stays where it is.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { assert, CodedError, encode, type NodeId, type ScopeId } from '../../base/index.ts'
import type { EnrolRequest } from '../../contract/index.ts'
import type { Invite, InviteRecord } from './invite.ts'
import { peerIdOfPublicKey, publicKeyOfPeerId, type SigningKey, verifySignature } from './signing-key.ts'

type Unproved = Omit<EnrolRequest, 'proof' | 'keyProof'>

export function createEnrolRequest(
  invite: Invite,
  key: SigningKey,
  wish: { readonly nodeId: NodeId; readonly addresses: readonly string[] },
): EnrolRequest {
  const fields: Unproved = {
    version: 1,
    inviteId: invite.inviteId,
    scopeId: invite.scopeId,
    peerId: peerIdOfPublicKey(key.publicKey),
    nodeId: wish.nodeId,
    nonce: Uint8Array.from(randomBytes(32)),
    addresses: [...wish.addresses],
  }
  const transcript = transcriptOf(fields)
  return {
    ...fields,
    proof: proofOf(invite.derivedKey, transcript),
    keyProof: key.sign('enrol-request', transcript),
  }
}

/**
 * Whether a request may use up the invite; changes nothing. A wrong proof is told before anything else about
 * the invite, so only who knows the secret learns that it was used or has expired. The peer that used the
 * invite up may ask again, also late: its first answer was lost. The authority decides the race between two peers.
 *
 * @param record the authority's record of `request.inviteId`; `undefined` when it has none.
 * @throws CodedError `enrol.wrong_scope`, `enrol.invite_unknown`, `enrol.wrong_proof`, `enrol.key_not_held`,
 *   `enrol.invite_used`, `enrol.invite_expired`
 */
export function verifyEnrolRequest(
  record: InviteRecord | undefined,
  request: EnrolRequest,
  context: { readonly scopeId: ScopeId; readonly nowUnixMs: number },
): void {
  const { scopeId, nowUnixMs } = context
  if (request.scopeId !== scopeId) {
    throw new CodedError('enrol.wrong_scope', { got: request.scopeId, scope: scopeId })
  }
  if (record === undefined) throw new CodedError('enrol.invite_unknown')
  assert(record.inviteId === request.inviteId, 'the record is that of the invite')
  const transcript = transcriptOf(request)
  const expected = proofOf(record.derivedKey, transcript)
  if (request.proof.length !== expected.length || !timingSafeEqual(expected, request.proof)) {
    throw new CodedError('enrol.wrong_proof')
  }
  const publicKey = publicKeyOfPeerId(request.peerId)
  if (!(publicKey && verifySignature(publicKey, 'enrol-request', transcript, request.keyProof))) {
    throw new CodedError('enrol.key_not_held', { peer: request.peerId })
  }
  if (record.usedBy === request.peerId) return
  if (record.usedBy !== undefined) throw new CodedError('enrol.invite_used')
  if (record.expiresUnixMs <= nowUnixMs) throw new CodedError('enrol.invite_expired')
}

/** SHA-256 over everything that was asked: what the answer is bound to. */
export function hashEnrolRequest(request: EnrolRequest): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(transcriptOf(request)).digest())
}

/** One spelling of all fields. An array, not a map: its order is written here and nowhere else. */
function transcriptOf(request: Unproved): Uint8Array {
  const { version, inviteId, scopeId, peerId, nodeId, nonce, addresses } = request
  return encode([version, inviteId, scopeId, peerId, nodeId, nonce, addresses])
}

function proofOf(derivedKey: Uint8Array, transcript: Uint8Array): Uint8Array {
  const mac = createHmac('sha256', derivedKey).update('populi-mesh/enrol-proof/v1\0').update(transcript)
  return Uint8Array.from(mac.digest())
}
