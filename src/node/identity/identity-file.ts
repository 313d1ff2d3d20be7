/**
 * `identity.cbor`: to which scope this folder belongs and as whom. It is written last and once, so it is what tells a
 * finished folder from one where `init` or `join` was interrupted: without it the keys beside it have never been used by
 * anyone, with it everything else is in place. The roster in it is that of the day of enrolment: whom to
 * dial first; the authority's copy replaces it.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  decode,
  encode,
  LIMITS,
  type NodeId,
  type PeerId,
  type ScopeId,
} from '../../base/index.ts'
import {
  type Credential,
  type SignedCredential,
  signedCredentialSchema,
  verifyCredential,
} from './credential.ts'
import { type RosterPeer, rosterPeerSchema } from './enrol-answer.ts'
import { loadKey, nodeKeyPath, rootKeyPath } from './key-file.ts'
import { createPrivateFile, readPrivateFile } from './private-file.ts'
import { scopeIdOfRoot } from './scope.ts'
import { PUBLIC_KEY_BYTES, peerIdOfPublicKey, type SigningKey } from './signing-key.ts'

/** Who this node is. */
export interface Identity {
  readonly scopeId: ScopeId
  readonly rootPublicKey: Uint8Array
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly key: SigningKey
  /** Only on machines that can admit others. */
  readonly rootKey: SigningKey | undefined
  readonly credential: Credential
  readonly signedCredential: SignedCredential
  /** As told at enrolment, this node included. */
  readonly roster: readonly RosterPeer[]
}

const FORMAT = 1
const envelope = z.object({ format: z.number().int().positive(), sha256: bytesSchema, body: bytesSchema })
const body = z.object({
  rootPublicKey: bytesSchema.refine((bytes) => bytes.length === PUBLIC_KEY_BYTES),
  credential: signedCredentialSchema,
  roster: z.array(rosterPeerSchema).max(LIMITS.rosterMax),
})

const identityPath = (dataDir: string): string => join(dataDir, 'identity.cbor')

/**
 * @throws CodedError `store.absent` when the folder belongs to no scope (yet), `store.corrupt` when its files do not
 *   fit each other, `store.version`, `store.not_private`, `store.unreadable`, `credential.invalid` when the
 *   credential has ended.
 */
export async function loadIdentity(dataDir: string, nowUnixMs: number): Promise<Identity> {
  const path = identityPath(dataDir)
  const bytes = await readPrivateFile(path, LIMITS.identityFileBytesMax)
  if (bytes === undefined) throw new CodedError('store.absent', { path: dataDir })
  const { rootPublicKey, credential: signedCredential, roster } = readBody(path, bytes)
  const scopeId = scopeIdOfRoot(rootPublicKey)
  const credential = verifyCredential(rootPublicKey, scopeId, signedCredential, nowUnixMs)

  const keyPath = nodeKeyPath(dataDir)
  const key = await loadKey(keyPath)
  if (key === undefined) throw corrupt(keyPath, 'the key of this node is missing')
  const peerId = peerIdOfPublicKey(key.publicKey)
  if (peerId !== credential.peerId) {
    throw corrupt(keyPath, `it is the key of ${peerId}, the credential is for ${credential.peerId}`)
  }
  const rootKey = await loadKey(rootKeyPath(dataDir))
  if (rootKey !== undefined && scopeIdOfRoot(rootKey.publicKey) !== scopeId) {
    throw corrupt(rootKeyPath(dataDir), `it is not the root key of scope ${scopeId}`)
  }
  const { nodeId } = credential
  return { scopeId, rootPublicKey, nodeId, peerId, key, rootKey, credential, signedCredential, roster }
}

/** @throws CodedError `store.exists` when the folder belongs to a scope; whatever `loadIdentity` finds damaged. */
export async function refuseIfEnrolled(dataDir: string, nowUnixMs: number): Promise<void> {
  let identity: Identity
  try {
    identity = await loadIdentity(dataDir, nowUnixMs)
  } catch (cause) {
    if (cause instanceof CodedError && cause.code === 'store.absent') return
    throw cause
  }
  throw new CodedError('store.exists', { path: dataDir, scope: identity.scopeId, node: identity.nodeId })
}

/**
 * Makes the folder belong to the scope, for good.
 * @throws CodedError `store.exists` when another process was faster, `store.write_failed`
 */
export async function commitIdentity(dataDir: string, identity: Identity, nowUnixMs: number): Promise<void> {
  const bytes = encode({
    rootPublicKey: identity.rootPublicKey,
    credential: identity.signedCredential,
    roster: [...identity.roster],
  } satisfies z.input<typeof body>)
  const file = encode({ format: FORMAT, sha256: sha256(bytes), body: bytes } satisfies z.input<
    typeof envelope
  >)
  if (await createPrivateFile(identityPath(dataDir), file)) return
  await refuseIfEnrolled(dataDir, nowUnixMs)
  throw new CodedError('store.absent', { path: dataDir })
}

function readBody(path: string, bytes: Uint8Array): z.output<typeof body> {
  try {
    const outer = decode(envelope, bytes, 'identity')
    if (outer.format > FORMAT) throw new CodedError('store.version', { path, got: outer.format, max: FORMAT })
    if (Buffer.compare(sha256(outer.body), outer.sha256) !== 0)
      throw corrupt(path, 'the checksum does not fit')
    return decode(body, outer.body, 'identity')
  } catch (cause) {
    if (cause instanceof CodedError && cause.code === 'wire.malformed') throw corrupt(path, cause.message)
    throw cause
  }
}

const sha256 = (bytes: Uint8Array): Uint8Array => Uint8Array.from(createHash('sha256').update(bytes).digest())

const corrupt = (path: string, what: string): CodedError => new CodedError('store.corrupt', { path, what })
