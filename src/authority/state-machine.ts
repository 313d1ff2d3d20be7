/**
 * The scope's replicated state machine: committed entries in, answers and events out. Every replica that applies the
 * same log holds the same tables, so nothing here may look at a clock, at randomness or at who leads: *only an entry
 * ends a lease; clocks never decide inside `apply`* (design §7).
 *
 * Lease id = fencing token = index of the grant's entry: rising, never repeated, known to every replica alike.
 *
 * States of a lease: granted to the requester itself, or granted for another holder and *unconfirmed* until that
 * holder's first renewal. A holder executes only after its confirmation was applied; that is why the grantor may take an
 * unconfirmed lease back at once, while a confirmed one ends only by its holder's release or by expiry.
 */
import { type LeaseId, type LogIndex, type PeerId, type Term, unreachable } from '../base/index.ts'
import type { Answer } from './answers.ts'
import type { ApplyContext, AuthorityEvent } from './apply-context.ts'
import { type AuthorityCommand, decodeProposal, type RosterEntry } from './commands.ts'
import { expireLeases, grantLease, releaseLease, renewLease } from './lease-commands.ts'
import { admitPeer, createInvite, foundScope } from './roster-commands.ts'
import { openSession, recallAnswer, rememberAnswer } from './sessions.ts'
import type { RecordChange, SavedState } from './state-store.ts'
import { type Invite, type Lease, Tables } from './tables.ts'

export interface Applied {
  readonly answer: Answer
  readonly events: readonly AuthorityEvent[]
}

export class AuthorityStateMachine {
  private readonly tables = new Tables()
  private applied: LogIndex

  /** @throws CodedError `wire.malformed` when a stored record does not fit. */
  constructor(saved: SavedState) {
    this.tables.restore(saved.records)
    this.applied = saved.appliedIndex
  }

  get appliedIndex(): LogIndex {
    return this.applied
  }

  /**
   * Applies the committed entry at `index`. Entries must come in order; those at or below `appliedIndex` were
   * applied in an earlier life.
   */
  apply(index: LogIndex, term: Term, data: Uint8Array): Applied {
    this.applied = index
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
    this.applied = index
  }

  /** Changes of the tables since the last call, to be committed together with `appliedIndex`. */
  takeChanges(): readonly RecordChange[] {
    return this.tables.takeChanges()
  }

  leases(): readonly Lease[] {
    return [...this.tables.leases.values()]
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
