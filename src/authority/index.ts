/**
 * authority: the scope's replicated state machine (leases, sessions, invites, roster) and both halves of the lease
 * timing argument. Pure: `node/` feeds it committed entries and time, and stores what it changed.
 */

export { type Answer, answerSchema, unwrap } from './answers.ts'
export type { AuthorityEvent } from './apply-context.ts'
export {
  type ClientCommand,
  clientRequestSchema,
  decodeRosterEntry,
  encodeProposal,
  type Proposal,
  type RequestId,
  type RosterEntry,
  rosterEntrySchema,
} from './commands.ts'
export { HeldLease, type LeasePlan, planLease, type StopBudget } from './held-lease.ts'
export { LeaseExpiry } from './lease-expiry.ts'
export { type Applied, AuthorityStateMachine } from './state-machine.ts'
export type { RecordChange, SavedState, StateStore } from './state-store.ts'
export type { Lease } from './tables.ts'
export { votersToAdd } from './voter-policy.ts'
