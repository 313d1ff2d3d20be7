/**
 * The mesh's half of enrolment: credential and roster, bound to one request, signed by the root key, and sealed.
 *
 * Signed, because the joiner must know that the mesh of its invite speaks. Bound to the hash of the request
 * (nonce, peer id, name), because an older answer or one for another peer must be worth nothing. Sealed with a key that
 * only the two ends of the invite can compute, because the roster holds names and addresses, HTTP on
 * a LAN is read by whoever listens, and an address is for invited peers only (design §1, P6).
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { bytesSchema, CodedError, decode, encode, LIMITS } from '../../base/index.ts'
import type { EnrolAnswer, EnrolRequest } from '../../contract/index.ts'
import {
  type Credential,
  type SignedCredential,
  signedCredentialSchema,
  verifyCredential,
} from './credential.ts'
import { hashEnrolRequest } from './enrol-request.ts'
import type { Invite, InviteRecord } from './invite.ts'
import { rootFingerprintOf, scopeIdOfRoot } from './scope.ts'
import { type SigningKey, verifySignature } from './signing-key.ts'

/** A credential of the roster and where its bearer was last reachable. */
export const rosterPeerSchema = signedCredentialSchema.extend({
  addresses: z.array(z.string().max(LIMITS.addressBytesMax)).max(LIMITS.addressesMax),
})
export type RosterPeer = z.output<typeof rosterPeerSchema>

const content = z.object({
  requestHash: bytesSchema,
  credential: signedCredentialSchema,
  roster: z.array(rosterPeerSchema).max(LIMITS.rosterMax),
})
const signedContent = z.object({ content: bytesSchema, signature: bytesSchema })

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * Entries that are not valid now are left out: the joiner would refuse the answer for their sake. Addresses are hints
 * whom to dial; the first `LIMITS.addressesMax` of each peer are told.
 */
export function createEnrolAnswer(init: {
  readonly record: Pick<InviteRecord, 'derivedKey'>
  readonly request: EnrolRequest
  readonly rootKey: SigningKey
  /** The requester's own. */
  readonly credential: SignedCredential
  readonly roster: readonly (SignedCredential & { readonly addresses: readonly string[] })[]
  readonly nowUnixMs: number
}): EnrolAnswer {
  const { record, request, rootKey } = init
  const requestHash = hashEnrolRequest(request)
  const bytes = encode({
    requestHash,
    credential: { statement: init.credential.statement, signature: init.credential.signature },
    roster: init.roster
      .filter((entry) => isValidNow(rootKey.publicKey, entry, init.nowUnixMs))
      .map(({ statement, signature, addresses }) => ({
        statement,
        signature,
        addresses: addresses.slice(0, LIMITS.addressesMax),
      })),
  } satisfies z.input<typeof content>)
  const signature = rootKey.sign('enrol-answer', bytes)
  return {
    version: 1,
    rootPublicKey: rootKey.publicKey,
    sealed: seal(
      sealKey(record.derivedKey, request.nonce),
      requestHash,
      encode({ content: bytes, signature }),
    ),
  }
}

export interface Enrolled {
  readonly rootPublicKey: Uint8Array
  readonly credential: Credential
  readonly signedCredential: SignedCredential
  readonly roster: readonly RosterPeer[]
}

/**
 * Checks everything that an answer claims, own credential and each of the roster included.
 * @param url where it came from, for the error.
 * @throws CodedError `enrol.wrong_root`, `enrol.answer_invalid`, `enrol.other_node_id`
 */
export function verifyEnrolAnswer(
  invite: Invite,
  request: EnrolRequest,
  answer: EnrolAnswer,
  context: { readonly url: string; readonly nowUnixMs: number },
): Enrolled {
  const { rootPublicKey } = answer
  if (!sameBytes(rootFingerprintOf(rootPublicKey), invite.rootFingerprint)) {
    throw new CodedError('enrol.wrong_root', { url: context.url })
  }
  const invalid = (reason: string, cause?: unknown): CodedError =>
    new CodedError('enrol.answer_invalid', { url: context.url, reason }, { cause })

  const requestHash = hashEnrolRequest(request)
  const opened = unseal(sealKey(invite.derivedKey, request.nonce), requestHash, answer.sealed)
  if (opened === undefined) throw invalid('it was not sealed with the key of the invite for this request')
  try {
    const outer = decode(signedContent, opened, 'enrolment answer')
    if (!verifySignature(rootPublicKey, 'enrol-answer', outer.content, outer.signature)) {
      throw invalid('the signature is not by the root key')
    }
    const inner = decode(content, outer.content, 'enrolment answer')
    if (!sameBytes(inner.requestHash, requestHash)) throw invalid('it answers another request')
    const verify = (signed: SignedCredential): Credential =>
      verifyCredential(rootPublicKey, invite.scopeId, signed, context.nowUnixMs)
    const credential = verify(inner.credential)
    if (credential.peerId !== request.peerId) throw invalid('the credential is for another peer')
    for (const entry of inner.roster) verify(entry)
    if (credential.nodeId !== request.nodeId) {
      throw new CodedError('enrol.other_node_id', { node: credential.nodeId })
    }
    return { rootPublicKey, credential, signedCredential: inner.credential, roster: inner.roster }
  } catch (cause) {
    if (!(cause instanceof CodedError)) throw cause
    if (cause.code === 'wire.malformed' || cause.code === 'credential.invalid')
      throw invalid(cause.message, cause)
    throw cause
  }
}

function isValidNow(rootPublicKey: Uint8Array, entry: SignedCredential, nowUnixMs: number): boolean {
  try {
    verifyCredential(rootPublicKey, scopeIdOfRoot(rootPublicKey), entry, nowUnixMs)
    return true
  } catch (cause) {
    if (cause instanceof CodedError) return false
    throw cause
  }
}

/** One key per request: the nonce is the joiner's, fresh and random. */
function sealKey(derivedKey: Uint8Array, nonce: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', derivedKey, nonce, 'populi-mesh/enrol-seal/v1', 32))
}

function seal(key: Uint8Array, associated: Uint8Array, plain: Uint8Array): Uint8Array {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(associated)
  const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  return Uint8Array.from(sealed)
}

function unseal(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < IV_BYTES + TAG_BYTES) return undefined
  const tagStart = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(associated).setAuthTag(sealed.subarray(tagStart))
  try {
    return Uint8Array.from(
      Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, tagStart)), decipher.final()]),
    )
  } catch {
    return undefined
  }
}

const sameBytes = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0
