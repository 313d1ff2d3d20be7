import { type Clock, CodedError } from '../../base/index.ts'
import { type Enrolled, verifyEnrolAnswer } from './enrol-answer.ts'
import { tryEachUrl } from './enrol-attempts.ts'
import { postEnrolRequest } from './enrol-client.ts'
import { createEnrolRequest } from './enrol-request.ts'
import { commitIdentity, type Identity, refuseIfEnrolled } from './identity-file.ts'
import { chooseNodeId, type Prepare } from './init-scope.ts'
import { parseInvite } from './invite.ts'
import { loadKey, loadOrCreateKey, nodeKeyPath, rootKeyPath } from './key-file.ts'
import { ensurePrivateFolder } from './private-file.ts'

/**
 * Enrols this machine with an invite.
 *
 * The node's key is made once and kept over retries: the mesh gives the same peer id the same answer again, so
 * an answer that was lost, or a crash before the last step (the identity file), costs nothing but
 * another `join` with the same invite.
 *
 * @throws CodedError `enrol.*` as the mesh or the checks say, `store.exists`, `store.unfinished_init`,
 *   `store.not_private`, `store.corrupt`, `store.write_failed`, `input.invalid`, `operation.cancelled`
 */
export async function joinScope(options: {
  readonly dataDir: string
  readonly inviteText: string
  /** Default: from the host name. */
  readonly nodeId?: string | undefined
  /** Multiaddrs at which this node will listen, as far as it knows. */
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly prepare: Prepare
}): Promise<Identity> {
  const { dataDir, clock } = options
  const invite = parseInvite(options.inviteText)
  const nodeId = chooseNodeId(options.nodeId)
  await ensurePrivateFolder(dataDir)
  await refuseIfEnrolled(dataDir, clock.wall())
  await refuseIfInitUnfinished(dataDir)

  const key = await loadOrCreateKey(nodeKeyPath(dataDir))
  const request = createEnrolRequest(invite, key, { nodeId, addresses: options.addresses })
  const attempt = async (url: string): Promise<Enrolled> => {
    const answer = await postEnrolRequest(url, request, options.signal)
    return verifyEnrolAnswer(invite, request, answer, { url, nowUnixMs: clock.wall() })
  }
  const enrolled = await tryEachUrl(invite.urls, attempt, options.signal)
  const { peerId } = request
  const { scopeId } = invite
  const identity = { ...enrolled, scopeId, nodeId, peerId, key, rootKey: undefined }
  // The mesh took its time; another `join` in this folder may have been faster, and `prepare` replaces what it finds.
  await refuseIfEnrolled(dataDir, clock.wall())
  await options.prepare(identity)
  await commitIdentity(dataDir, identity, clock.wall())
  return identity
}

/** A root key is never deleted, and a joined node must not carry one of another scope. */
async function refuseIfInitUnfinished(dataDir: string): Promise<void> {
  const rootKey = await loadKey(rootKeyPath(dataDir))
  if (rootKey !== undefined) throw new CodedError('store.unfinished_init', { path: dataDir })
}
