import { hostname } from 'node:os'
import { CodedError, type NodeId, nodeId } from '../../base/index.ts'
import { issueCredential, verifyCredential } from './credential.ts'
import { commitIdentity, type Identity, refuseIfEnrolled } from './identity-file.ts'
import { loadOrCreateKey, nodeKeyPath, rootKeyPath } from './key-file.ts'
import { ensurePrivateFolder } from './private-file.ts'
import { scopeIdOfRoot } from './scope.ts'
import { peerIdOfPublicKey } from './signing-key.ts'

/**
 * Prepares the rest of the folder (the stores) for the identity that is about to be committed. It may find what an
 * interrupted attempt left there, and replaces it: until the commit the folder belongs to no scope.
 */
export type Prepare = (identity: Identity) => Promise<void>

/**
 * Makes a scope with this machine as its first. A crash at any point leaves a folder in which `init` can be run again:
 * it takes up the keys that are there, and only the last step, the identity file, makes the folder belong to the scope.
 *
 * @throws CodedError `store.exists`, `store.not_private`, `store.corrupt`, `store.write_failed`, `input.invalid`
 */
export async function initScope(options: {
  readonly dataDir: string
  /** Default: from the host name. */
  readonly nodeId?: string | undefined
  readonly nowUnixMs: number
  readonly prepare: Prepare
}): Promise<Identity> {
  const { dataDir, nowUnixMs } = options
  const name = chooseNodeId(options.nodeId)
  await ensurePrivateFolder(dataDir)
  await refuseIfEnrolled(dataDir, nowUnixMs)

  const key = await loadOrCreateKey(nodeKeyPath(dataDir))
  const rootKey = await loadOrCreateKey(rootKeyPath(dataDir))
  const rootPublicKey = rootKey.publicKey
  const scopeId = scopeIdOfRoot(rootPublicKey)
  const peerId = peerIdOfPublicKey(key.publicKey)
  const signedCredential = issueCredential(rootKey, { peerId, nodeId: name, roles: ['mesh'], nowUnixMs })
  const credential = verifyCredential(rootPublicKey, scopeId, signedCredential, nowUnixMs)
  const roster = [{ ...signedCredential, addresses: [] }]
  const identity = {
    scopeId,
    rootPublicKey,
    nodeId: name,
    peerId,
    key,
    rootKey,
    credential,
    signedCredential,
    roster,
  }
  await options.prepare(identity)
  await commitIdentity(dataDir, identity, nowUnixMs)
  return identity
}

/** @throws CodedError `input.invalid` for a name that cannot be a node id. */
export function chooseNodeId(wanted: string | undefined): NodeId {
  return wanted === undefined ? nodeIdOfHost(hostname()) : nodeId(wanted)
}

/** The first label of a host name, in the letters of a node id: `Anna's-MacBook.local` → `anna-s-macbook`. */
export function nodeIdOfHost(host: string): NodeId {
  const label = host.split('.')[0] ?? ''
  const name = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
  try {
    return nodeId(name)
  } catch (cause) {
    if (cause instanceof CodedError) return nodeId('node')
    throw cause
  }
}
