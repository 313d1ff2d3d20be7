import type { LogIndex, Term } from '../base/index.ts'
import type { Proposal, RosterEntry } from './commands.ts'
import type { Lease, Tables } from './tables.ts'

/** What an applied entry means to the node that applied it. */
export type AuthorityEvent =
  | { readonly type: 'lease-granted'; readonly lease: Lease }
  | { readonly type: 'lease-renewed'; readonly lease: Lease }
  | { readonly type: 'lease-ended'; readonly lease: Lease; readonly how: 'released' | 'expired' }
  | { readonly type: 'peer-admitted'; readonly entry: RosterEntry }

/** What a command handler gets: the tables, the entry's place in the log, and somewhere to report events. */
export interface ApplyContext {
  readonly tables: Tables
  readonly index: LogIndex
  readonly term: Term
  readonly proposal: Proposal
  readonly events: AuthorityEvent[]
}
