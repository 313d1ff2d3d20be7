/**
 * Making a data directory: `init` founds a scope in it, `join` enrols it in one. Each makes the stores afresh before the
 * identity file is written, which is what makes the folder belong to a scope; a crash before that leaves a folder in which
 * the command can simply be run again.
 */
import { join, resolve } from 'node:path'
import { encodeProposal, type RosterEntry } from '../authority/index.ts'
import {
  CodedError,
  logIndex,
  type NodeId,
  type PeerId,
  type ScopeId,
  SystemClock,
  term,
  type UnixMs,
} from '../base/index.ts'
import { bootstrapLog } from '../raft/index.ts'
import { type NodeStores, openStores, removeStores } from '../store/index.ts'
import { loadConfig } from './config/index.ts'
import {
  type Credential,
  type Identity,
  initScope,
  joinScope,
  type RosterPeer,
  type SignedCredential,
  verifyCredential,
} from './identity/index.ts'
import { saveRoster } from './roster-store.ts'

export interface MadeFolder {
  readonly nodeId: NodeId
  readonly scopeId: ScopeId
  readonly peerId: PeerId
  readonly dataDir: string
}

/** The first configuration and the founder. */
const FOUNDATION_ENTRIES = 2

export const storePath = (dataDir: string): string => join(dataDir, 'db')

export const eventsPath = (dataDir: string): string => join(dataDir, 'events')

/**
 * Founds a scope with this machine as its first node and only voter.
 * @throws CodedError `store.exists`, `store.write_failed`, `store.corrupt`, `input.invalid`.
 */
export async function initNode(options: {
  dataDir: string
  nodeId?: string | undefined
}): Promise<MadeFolder> {
  const dataDir = resolve(options.dataDir)
  const clock = new SystemClock()
  const identity = await initScope({
    dataDir,
    nodeId: options.nodeId,
    nowUnixMs: clock.wall(),
    prepare: (made) =>
      withFreshStores(dataDir, made, (stores) => writeFoundation(stores, made, clock.wall())),
  })
  return made(identity, dataDir)
}

/**
 * Enrols this machine with an invite.
 * @throws CodedError `enrol.*`, `store.exists`, `store.write_failed`, `config.*`.
 */
export async function joinNode(options: {
  dataDir: string
  invite: string
  nodeId?: string | undefined
}): Promise<MadeFolder> {
  const dataDir = resolve(options.dataDir)
  const clock = new SystemClock()
  const identity = await joinScope({
    dataDir,
    inviteText: options.invite,
    nodeId: options.nodeId,
    addresses: announcedAddresses(dataDir),
    clock,
    prepare: (made) => withFreshStores(dataDir, made, () => Promise.resolve()),
  })
  return made(identity, dataDir)
}

/** What the root key vouches for. @throws CodedError `credential.invalid` */
export function credentialOf(identity: Identity, signed: SignedCredential, nowUnixMs: number): Credential {
  const { rootPublicKey, scopeId } = identity
  const { statement, signature } = signed
  return verifyCredential(rootPublicKey, scopeId, { statement, signature }, nowUnixMs)
}

/** An entry of a roster as the authority keeps it. @throws CodedError `credential.invalid` */
function rosterEntryOf(identity: Identity, peer: RosterPeer, nowUnixMs: number): RosterEntry {
  const { peerId, nodeId } = credentialOf(identity, peer, nowUnixMs)
  const { statement, signature, addresses } = peer
  return { peer: peerId, nodeId, statement, signature, addresses: [...addresses] }
}

/** What is announced by configuration; where it will really listen, the node says by itself when it is up. */
function announcedAddresses(dataDir: string): readonly string[] {
  return loadConfig({ dataDir, env: process.env, flags: {} }).announce
}

async function withFreshStores(
  dataDir: string,
  identity: Identity,
  work: (stores: NodeStores) => Promise<void>,
): Promise<void> {
  const path = storePath(dataDir)
  await refuseUsedStores(path)
  await removeStores(path)
  const stores = await openStores(path, { create: true })
  try {
    const now = new SystemClock().wall()
    await saveRoster(
      stores.meta,
      identity.roster.map((peer) => rosterEntryOf(identity, peer, now)),
    )
    await work(stores)
  } finally {
    await stores.close()
  }
}

/**
 * Stores without an identity file beside them are what an interrupted attempt left, unless their log goes beyond a
 * foundation: then a file was lost from a folder that voted, and what it knows must not be made anew.
 * @throws CodedError `store.corrupt`
 */
async function refuseUsedStores(path: string): Promise<void> {
  let entries: number
  try {
    const stores = await openStores(path, { create: false })
    try {
      const log = await stores.log.load()
      entries = log.base.index + log.entries.length
    } finally {
      await stores.close()
    }
  } catch (thrown) {
    if (thrown instanceof CodedError && (thrown.code === 'store.absent' || thrown.code === 'store.corrupt'))
      return
    throw thrown
  }
  if (entries <= FOUNDATION_ENTRIES) return
  throw new CodedError('store.corrupt', {
    path,
    what: 'the identity file of a node that took part in a mesh is missing',
  })
}

/** The log of a scope begins with its first configuration and its founder. */
async function writeFoundation(stores: NodeStores, identity: Identity, atUnixMs: UnixMs): Promise<void> {
  const { peerId, nodeId, signedCredential } = identity
  const first = bootstrapLog(peerId)
  const entry: RosterEntry = { peer: peerId, nodeId, ...signedCredential, addresses: [] }
  const data = encodeProposal({ requester: peerId, atUnixMs, command: { type: 'roster.found', entry } })
  await stores.log.append({
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(2) },
    entries: [...first.entries, { index: logIndex(2), term: term(1), kind: 'command', data }],
  })
}

function made({ nodeId, scopeId, peerId }: Identity, dataDir: string): MadeFolder {
  return { nodeId, scopeId, peerId, dataDir }
}
