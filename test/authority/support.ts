import type { AuthorityCommand, Proposal } from '../../src/authority/commands.ts'
import {
  type Answer,
  type Applied,
  AuthorityStateMachine,
  encodeProposal,
  type RecordChange,
  type RosterEntry,
} from '../../src/authority/index.ts'
import { logIndex, type PeerId, type ScopeKey, term, unixMs } from '../../src/base/index.ts'

export const A = 'peer-a' as PeerId
export const B = 'peer-b' as PeerId
export const C = 'peer-c' as PeerId
export const key = (name: string): ScopeKey => `task:${name}` as ScopeKey

export function entryOf(peer: PeerId, nodeId: string): RosterEntry {
  return { peer, nodeId, statement: new Uint8Array([1]), signature: new Uint8Array([2]), addresses: [] }
}

/** A log that is applied as it is written, and a store that keeps what was changed. */
export class Replica {
  machine = new AuthorityStateMachine({ appliedIndex: logIndex(0), records: new Map() })
  readonly log: { term: number; data: Uint8Array }[] = []
  /** What came of each entry of the log. */
  readonly applied: Applied[] = []
  readonly records = new Map<string, Uint8Array>()
  term = 1
  wallMs = 1_000_000
  /** Whether entries are one batch until `store` is called; else each is a batch of its own. */
  holdsChanges = false

  /** With a founder and two more machines. */
  static withRoster(): Replica {
    const replica = new Replica()
    replica.apply(A, { type: 'roster.found', entry: entryOf(A, 'a') })
    for (const [peer, nodeId] of [
      [B, 'b'],
      [C, 'c'],
    ] as const) {
      replica.invite(nodeId, entryOf(peer, nodeId))
    }
    return replica
  }

  /** An invite and its use. */
  invite(inviteId: string, entry: RosterEntry): void {
    const derivedKey = new Uint8Array([1])
    this.apply(A, { type: 'invite.create', inviteId, derivedKey, expiresUnixMs: unixMs(9e9) })
    this.apply(A, { type: 'roster.admit', inviteId, entry })
  }

  apply(requester: PeerId, command: AuthorityCommand, request?: Proposal['request']): Applied {
    const data = encodeProposal({
      requester,
      ...(request === undefined ? {} : { request }),
      atUnixMs: unixMs(this.wallMs),
      command,
    })
    this.log.push({ term: this.term, data })
    const applied = this.machine.apply(logIndex(this.log.length), term(this.term), data)
    this.applied.push(applied)
    if (!this.holdsChanges) this.store()
    return applied
  }

  /** What the driver does after a batch of entries. Returns what was written. */
  store(): readonly RecordChange[] {
    const changes = this.machine.takeChanges()
    for (const { key: name, value } of changes) {
      if (value === undefined) this.records.delete(name)
      else this.records.set(name, value)
    }
    return changes
  }

  /** The same replica after a restart from what it stored. */
  restart(): void {
    this.machine = new AuthorityStateMachine({
      appliedIndex: logIndex(this.log.length),
      records: new Map(this.records),
    })
  }

  grant(requester: PeerId, holder: PeerId, name: string, ttlMs = 5000): Answer {
    return this.apply(requester, { type: 'lease.grant', scopeKey: key(name), holder, ttlMs }).answer
  }
}

export function idOf(answer: Answer): number {
  if (!answer.ok) throw new TypeError(`refused: ${answer.code}`)
  return answer.id
}

export function codeOf(answer: Answer): string {
  return answer.ok ? 'ok' : answer.code
}
