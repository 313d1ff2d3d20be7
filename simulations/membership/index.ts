/** membership: the failure detector in a light world of its own, for figures (docs/simulations.md). */
export { CASES } from './cases.ts'
export { PROFILES } from './profiles.ts'
export { type MembershipPlan, runMembership } from './run-membership.ts'
