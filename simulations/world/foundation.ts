/** What is on the disks before a world begins to move: what `populi init` and `populi join` would have written. */
import { encodeProposal, type RosterEntry } from '../../src/authority/index.ts'
import { logIndex, type NodeId, type PeerId, present, term, unixMs } from '../../src/base/index.ts'
import { type Identity, SigningKey } from '../../src/node/identity/index.ts'
import { bootstrapLog, type LogWrite } from '../../src/raft/index.ts'

const SEED_BYTES = 32

/** Every machine has it from the start: sealing it for another is cryptography, which no seed repeats. */
const ROOT_KEY = SigningKey.fromSeed(new Uint8Array(SEED_BYTES).fill(7))

const PEER_ID_HEAD = '12D3KooW'
const NAME_CHARS = 44

export const peerOf = (name: string): PeerId => `${PEER_ID_HEAD}${name.padEnd(NAME_CHARS, 'x')}` as PeerId

/** A text with the names of machines in place of their peer ids. */
export const withNames = (text: string): string =>
  text.replaceAll(new RegExp(`${PEER_ID_HEAD}(\\w{${NAME_CHARS}})`, 'g'), (_, padded: string) =>
    padded.replace(/x+$/, ''),
  )

export function rosterEntryOf(name: string): RosterEntry {
  return {
    peer: peerOf(name),
    nodeId: name as NodeId,
    statement: new Uint8Array(1),
    signature: new Uint8Array(1),
    addresses: [],
  }
}

/** As much of an identity as `MeshNode` reads: no machine of a simulation signs anything. */
export function identityOf(name: string): Identity {
  return {
    peerId: peerOf(name),
    nodeId: name,
    scopeId: 'simulated',
    rootPublicKey: ROOT_KEY.publicKey,
    rootKey: ROOT_KEY,
  } as unknown as Identity
}

/** The founder's log: itself as the sole voter, and everybody in the roster. */
export function founderLog(names: readonly string[]): LogWrite {
  const founder = rosterEntryOf(present(names[0], 'a founder'))
  const first = bootstrapLog(founder.peer)
  const commands = names.flatMap((name, at): Parameters<typeof encodeProposal>[0]['command'][] => {
    const entry = rosterEntryOf(name)
    return at === 0
      ? [{ type: 'roster.found', entry }]
      : [inviteFor(name), { type: 'roster.admit', inviteId: name, entry }]
  })
  const entries = commands.map((command, at) => ({
    index: logIndex(at + 2),
    term: term(1),
    kind: 'command' as const,
    data: encodeProposal({ requester: founder.peer, atUnixMs: unixMs(1), command }),
  }))
  return {
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(entries.length + 1) },
    entries: [...first.entries, ...entries],
  }
}

/** An invite that is named like its machine and does not expire in a simulation. */
export function inviteFor(name: string) {
  return {
    type: 'invite.create',
    inviteId: name,
    derivedKey: new Uint8Array(1),
    expiresUnixMs: unixMs(Number.MAX_SAFE_INTEGER),
  } as const
}
