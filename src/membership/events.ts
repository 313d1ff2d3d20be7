/** What goes into the membership core and what comes out. */
import type { BootMs, Incarnation, NodeId, PeerId } from '../base/index.ts'
import type { GossipMessage } from './gossip.ts'
import type { MemberStatus } from './member.ts'
import type { NodeRecord } from './node-record.ts'

/** The admitted peers and the node ids that their credentials bind, this node included. */
export type MemberRoster = ReadonlyMap<PeerId, NodeId>

export type MembershipInput =
  /** `from` is the peer whose signature the transport has checked, not who passed the message on. */
  | { readonly type: 'gossip'; readonly from: PeerId; readonly message: GossipMessage }
  /** The first connection to `peer` opened. */
  | { readonly type: 'connection_opened'; readonly peer: PeerId }
  /** The last connection to `peer` closed. */
  | { readonly type: 'connection_closed'; readonly peer: PeerId }
  | { readonly type: 'roster'; readonly roster: MemberRoster }
  /** This node's record changed. `record_version` is stamped here. */
  | { readonly type: 'record'; readonly record: NodeRecord }
  /** This node leaves on purpose: it says so, and is silent from then on. */
  | { readonly type: 'leave' }

export type ChangeCause =
  | 'heartbeat'
  | 'leave'
  | 'connection_opened'
  | 'connection_closed'
  | 'silence'
  | 'roster'

/** The status of a member or its incarnation changed. */
export interface MemberChanged {
  readonly type: 'changed'
  readonly peer: PeerId
  readonly nodeId: NodeId
  /** `undefined`: was not in the roster. */
  readonly from: MemberStatus | undefined
  /** `undefined`: is not in the roster any more. */
  readonly to: MemberStatus | undefined
  readonly cause: ChangeCause
  /** After the change; 0 when nothing was ever heard. */
  readonly incarnation: Incarnation
}

export type MembershipEffect = { readonly type: 'publish'; readonly message: GossipMessage } | MemberChanged

export interface MemberView {
  readonly peer: PeerId
  readonly nodeId: NodeId
  readonly self: boolean
  readonly status: MemberStatus
  /** 0 while `unseen`. */
  readonly incarnation: Incarnation
  readonly record: NodeRecord | undefined
  /** Last sign of life; for this node the last call. */
  readonly lastSeen: BootMs | undefined
}

/** Gossip that was no sign of life, by reason, counted since the start. */
export interface IgnoredGossip {
  /** From a peer outside the roster. */
  readonly stranger: number
  /** Repeated or overtaken. */
  readonly stale: number
  /** With a record that names another node or peer than the sender. */
  readonly foreignRecord: number
  /** Under this node's own identity. */
  readonly own: number
}
