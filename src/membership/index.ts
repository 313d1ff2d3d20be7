/**
 * membership: who is there, and what each says of itself. A pure core: gossip, messages of connected peers, connections, roster changes and
 * time in; messages, wanted connections and changes of the member table out. Read `member.ts` first, then `suspicions.ts`.
 */
export type {
  LinkFault,
  MemberChanged,
  MemberRoster,
  MemberStatus,
  MembershipEffect,
  MembershipInput,
  MemberView,
} from './events.ts'
export { decodeGossip, encodeGossip, type GossipMessage } from './gossip.ts'
export { lifeOf } from './incarnation.ts'
export { Membership } from './membership.ts'
export type { NodeRecord } from './node-record.ts'
export { MEMBERSHIP_PRESETS, type MembershipOptions } from './options.ts'
export { decodeStreamMessage, encodeStreamMessage, type StreamMessage } from './stream-messages.ts'
