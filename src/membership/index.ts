/**
 * membership: who is there, and what each says of itself. A pure core: gossip, connection hints, roster changes and
 * ticks in; heartbeats to publish and changes of the member table out.
 */
export type { MemberChanged, MembershipEffect, MembershipInput, MemberView } from './events.ts'
export { decodeGossip, encodeGossip, type GossipMessage } from './gossip.ts'
export { Membership } from './membership.ts'
export type { NodeRecord } from './node-record.ts'
export { MEMBERSHIP_PRESETS, type MembershipOptions } from './options.ts'
