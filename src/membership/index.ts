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
export {
  encodeStatement,
  isOrderField,
  ORDER_ID_BYTES,
  type Order,
  type OrderStatement,
  orderId,
  readOrder,
  type SignedOrder,
  signedOrderSchema,
} from './order.ts'
export { OrderBook, type OrderRow } from './order-book.ts'
export type { OrdersGossip } from './order-gossip.ts'
export { endOf, isDrainOver, type Obstacle, obstacleOf, type Standing } from './order-standing.ts'
export { decodeStreamMessage, encodeStreamMessage, type StreamMessage } from './stream-messages.ts'
