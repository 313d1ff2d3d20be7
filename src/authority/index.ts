/**
 * authority: the scope's replicated state machine (leases, sessions, invites, roster) and both halves of the lease
 * timing argument. Pure: `node/` feeds it committed entries and time, and stores what it changed.
 */

export { type Answer, answerSchema, unwrap } from './answers.ts'
export type { AuthorityEvent } from './apply-context.ts'
export { planVoters } from './autopilot.ts'
export { decodeClientRequest, encodeClientRequest, encodeProposal } from './command-codec.ts'
export {
  type ClientCommand,
  type ClientRequest,
  decodeRosterEntry,
  type Proposal,
  type RequestId,
  type RosterEntry,
  rosterEntrySchema,
} from './commands.ts'
export { HeldLease, planLease, type StopBudget } from './held-lease.ts'
export { expirySpanMs, LeaseExpiry } from './lease-expiry.ts'
export { PeerHealth } from './peer-health.ts'
export type { Lease } from './rows.ts'
export { decodeSnapshot } from './snapshot.ts'
export { type Applied, AuthorityStateMachine } from './state-machine.ts'
export type { RecordChange, SavedState, StateStore } from './state-store.ts'
export type {
  AutopilotOptions,
  CandidateView,
  VoterPlan,
  VoterPolicy,
  VoterView,
} from './voter-plan.ts'
