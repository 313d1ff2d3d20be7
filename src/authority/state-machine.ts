/**
 * The scope's replicated state machine: committed entries in, answers and events out. Every replica that applies the
 * same log holds the same tables, so nothing here may look at a clock, at randomness or at who leads: *only an entry
 * ends a lease; clocks never decide inside `apply`* (design §7).
 *
 * Lease id = fencing token = index of the grant's entry: rising, never repeated, known to every replica alike.
 *
 * States of a lease: granted to the requester itself, or granted for another holder and *unconfirmed* until that
 * holder's first renewal. A holder executes only after its confirmation was applied; that is why the grantor may take an
 * unconfirmed lease back at once, while a confirmed one ends only by its holder's release or by expiry. Revoked by an
 * admin, an unconfirmed lease ends at once as well; a confirmed one *cools*: it stays live, so that nobody else gets the
 * key, but cannot be renewed, so that it ends within its span. Only a forced revocation ends a lease whose holder may
 * still execute, and says so.
 */
import { assert, type LeaseId, type LogIndex, type PeerId, type Term, unreachable } from '../base/index.ts'
import type { Answer } from './answers.ts'
import type { ApplyContext, AuthorityEvent } from './apply-context.ts'
import { decodeProposal } from './command-codec.ts'
import type { AuthorityCommand, RosterEntry } from './commands.ts'
import { differences } from './install.ts'
import { expireLeases, grantLease, releaseLease, renewLease, revokeLease } from './lease-commands.ts'
import { admitPeer, createInvite, foundScope } from './roster-commands.ts'
import type { Invite, Lease } from './rows.ts'
import { openSession, recallAnswer, rememberAnswer } from './sessions.ts'
import { encodeSnapshot } from './snapshot.ts'
import type { RecordChange, SavedState } from './state-store.ts'
import { Tables } from './tables.ts'

export interface Applied {
  readonly answer: Answer
  readonly events: readonly AuthorityEvent[]
}

export class AuthorityStateMachine {
  private tables = new Tables()
  private applied: LogIndex

  /** @throws CodedError `wire.malformed` when a stored record does not fit. */
  constructor(saved: SavedState) {
    this.tables.restore(saved.records)
    this.applied = saved.appliedIndex
  }

  get appliedIndex(): LogIndex {
    return this.applied
  }

  /** Applies the committed entry at `index`, which is the next one. */
  apply(index: LogIndex, term: Term, data: Uint8Array): Applied {
    this.moveTo(index)
    const proposal = decodeProposal(data)
    const context: ApplyContext = { tables: this.tables, index, term, proposal, events: [] }
    const { request } = proposal
    if (request === undefined) return { answer: execute(context, proposal.command), events: context.events }
    const recalled = recallAnswer(context, request)
    if (recalled !== undefined) return { answer: recalled, events: [] }
    const answer = execute(context, proposal.command)
    rememberAnswer(context, request, answer)
    return { answer, events: context.events }
  }

  /** Notes an entry without a command: the applied index must move over it as well. */
  skip(index: LogIndex): void {
    this.moveTo(index)
  }

  /** Changes of the tables since the last call, to be committed together with `appliedIndex`. */
  takeChanges(): readonly RecordChange[] {
    return this.tables.takeChanges()
  }

  /** The whole state at `appliedIndex`, remembered answers included: the same bytes at every replica. */
  snapshot(): Uint8Array {
    return encodeSnapshot(this.tables)
  }

  /**
   * Replaces the whole state by the records of a snapshot (`decodeSnapshot`), or, when one of them does not fit, nothing.
   * The caller has stored them: they are no change. Changes that were not taken are dropped with the state that they
   * belong to.
   * @returns what it means to this node, as if the missed entries had been applied as far as they still matter.
   * @throws CodedError `wire.malformed`
   */
  install(records: ReadonlyMap<string, Uint8Array>, appliedIndex: LogIndex): readonly AuthorityEvent[] {
    assert(appliedIndex >= this.applied, `a snapshot at ${appliedIndex} is older than ${this.applied}`)
    const before = this.tables
    const after = new Tables()
    after.restore(records)
    this.tables = after
    this.applied = appliedIndex
    return differences(before, after, appliedIndex)
  }

  /** Live leases, cooling ones included, in the order of their ids. */
  leases(): readonly Lease[] {
    return [...this.tables.leases.values()].sort((left, right) => left.leaseId - right.leaseId)
  }

  lease(id: LeaseId): Lease | undefined {
    return this.tables.leases.get(id)
  }

  roster(): readonly RosterEntry[] {
    return [...this.tables.roster.values()]
  }

  invite(inviteId: string): Invite | undefined {
    return this.tables.invites.get(inviteId)
  }

  rosterEntry(peer: PeerId): RosterEntry | undefined {
    return this.tables.roster.get(peer)
  }

  private moveTo(index: LogIndex): void {
    assert(index === this.applied + 1, `entry ${index} follows ${this.applied}`)
    this.applied = index
  }
}

function execute(context: ApplyContext, command: AuthorityCommand): Answer {
  switch (command.type) {
    case 'session.open':
      return openSession(context)
    case 'lease.grant':
      return grantLease(context, command)
    case 'lease.renew':
      return renewLease(context, command)
    case 'lease.release':
      return releaseLease(context, command)
    case 'lease.revoke':
      return revokeLease(context, command)
    case 'lease.expire':
      return expireLeases(context, command)
    case 'invite.create':
      return createInvite(context, command)
    case 'roster.admit':
      return admitPeer(context, command)
    case 'roster.found':
      return foundScope(context, command)
    default:
      return unreachable(command)
  }
}
