/**
 * membership: who is there, and what each says of itself. A pure core: gossip, connection hints, roster changes and
 * ticks in; heartbeats to publish and changes of the member table out.
 */
export type { MemberChanged, MembershipEffect, MembershipInput, MemberView } from './events.ts'
export { decodeGossip, encodeGossip, type GossipMessage } from './gossip.ts'
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
