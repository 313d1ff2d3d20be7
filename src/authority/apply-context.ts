import type { LogIndex, Term } from '../base/index.ts'
import type { Proposal, RosterEntry } from './commands.ts'
import type { Lease } from './rows.ts'
import type { Tables } from './tables.ts'

/**
 * Why a lease is not live any more.
 * - `released`: by its holder, which is quiet, or by its grantor before the holder had begun.
 * - `expired`: its span has passed at the authority.
 * - `revoked`: taken back before its holder had begun.
 * - `forced`: taken back while its holder may still execute. Single ownership was waived: `lease.revocation` says by whom.
 * - `unseen`: it ended in entries that this replica got as a snapshot; nobody here can say how.
 */
export type LeaseEnd = 'released' | 'expired' | 'revoked' | 'forced' | 'unseen'

/** What an applied entry, or an installed snapshot, means to the node that applied it. */
export type AuthorityEvent =
  | { readonly type: 'lease-granted'; readonly lease: Lease }
  | { readonly type: 'lease-renewed'; readonly lease: Lease }
  /** Its holder must stop now. The key stays taken until the lease ends. */
  | { readonly type: 'lease-revoked'; readonly lease: Lease }
  | { readonly type: 'lease-ended'; readonly lease: Lease; readonly how: LeaseEnd }
  | { readonly type: 'peer-admitted'; readonly entry: RosterEntry }
  /**
   * The state was replaced by that of a snapshot, after the events for what this replica knew before. Leases that began
   * and ended in between have no event: who waits for the end of one looks it up.
   */
  | { readonly type: 'state-installed'; readonly appliedIndex: LogIndex }

/** What a command handler gets: the tables, the entry's place in the log, and somewhere to report events. */
export interface ApplyContext {
  readonly tables: Tables
  readonly index: LogIndex
  readonly term: Term
  readonly proposal: Proposal
  readonly events: AuthorityEvent[]
}
