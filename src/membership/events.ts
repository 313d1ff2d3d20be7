/** What goes into the membership core and what comes out. */
import type { BootMs, Incarnation, NodeId, PeerId } from '../base/index.ts'
import type { GossipMessage } from './gossip.ts'
import type { NodeRecord } from './node-record.ts'
import type { StreamMessage } from './stream-messages.ts'

/** The admitted peers and the node ids that their credentials bind, this node included. */
export type MemberRoster = ReadonlyMap<PeerId, NodeId>

/**
 * As SWIM has it. `unseen`: in the roster, never heard of since this process started. `suspect`: somebody says that it does not
 * answer; its work goes on, and it gets no new one.
 */
export type MemberStatus = 'unseen' | 'alive' | 'suspect' | 'dead' | 'left'

export type MembershipInput =
  /** `from` is the peer whose signature the transport has checked, not who passed the message on. */
  | { readonly type: 'gossip'; readonly from: PeerId; readonly message: GossipMessage }
  /** On the stream of a connected peer. */
  | { readonly type: 'message'; readonly from: PeerId; readonly message: StreamMessage }
  /** The first connection to `peer` opened. */
  | { readonly type: 'connection_opened'; readonly peer: PeerId }
  /** The last connection to `peer` ended. `byPeer`: the other side, or the network, ended it, and not this node. */
  | { readonly type: 'connection_closed'; readonly peer: PeerId; readonly byPeer: boolean }
  | { readonly type: 'roster'; readonly roster: MemberRoster }
  /** This node's record changed. */
  | { readonly type: 'record'; readonly record: NodeRecord }
  /** This node leaves on purpose: it says so, and is silent from then on. */
  | { readonly type: 'leave' }

export type ChangeCause =
  /** The member itself: heartbeat, refutation, goodbye. */
  | 'heartbeat'
  | 'refuted'
  | 'leave'
  /** This node's own probes. */
  | 'probe_failed'
  | 'connection_lost'
  | 'no_refutation'
  /** What others say. */
  | 'told'
  | 'anti_entropy'
  | 'roster'
  /** Dead or left for so long that it is shown no more. */
  | 'tombstone'

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
  /** Who said so, when it was somebody else. */
  readonly by: PeerId | undefined
  /** After the change; 0 when nothing was ever heard. */
  readonly incarnation: Incarnation
}

/** What probes say of the path between this node and a peer. */
export type LinkFault =
  /** The peer does not hear this node, which hears the peer. */
  | 'to_peer'
  /** This node does not hear the peer, which hears this node. */
  | 'from_peer'
  /** Neither hears the other, while others hear both. */
  | 'both'

interface LinkFaultChanged {
  readonly type: 'link_fault'
  readonly peer: PeerId
  /** `undefined`: answers come straight again. */
  readonly fault: LinkFault | undefined
}

export type MembershipEffect =
  | { readonly type: 'publish'; readonly message: GossipMessage }
  /**
   * On the stream to `peer`. When there is no connection it is dialled, and the message goes out when it is up, if that is within
   * `patienceMs`; 0: only on a connection that is there.
   */
  | {
      readonly type: 'send'
      readonly peer: PeerId
      readonly message: StreamMessage
      readonly patienceMs: number
    }
  /** The peers to stay connected to (all others on demand only). Replaces the former list. */
  | { readonly type: 'neighbours'; readonly peers: readonly PeerId[] }
  /** The connection is of no use any more: dead, silent, or working in one direction. It is dialled anew where it is wanted. */
  | { readonly type: 'hang_up'; readonly peer: PeerId; readonly why: 'dead' | LinkFault }
  /** A record is new: it may name better addresses. */
  | { readonly type: 'record'; readonly peer: PeerId; readonly record: NodeRecord }
  /**
   * The mesh knows this node under a later life: its disk is older than the mesh's memory. The core has taken a life above that; it
   * must be on disk before any later effect is carried out.
   */
  | { readonly type: 'life'; readonly life: number }
  | MemberChanged
  | LinkFaultChanged

export interface MemberView {
  readonly peer: PeerId
  readonly nodeId: NodeId
  readonly self: boolean
  readonly status: MemberStatus
  /** 0 while `unseen`. */
  readonly incarnation: Incarnation
  readonly record: NodeRecord | undefined
  /** Last sign of life that reached this node; for this node the last call. */
  readonly lastSeen: BootMs | undefined
  /** Smoothed round trip of this node's own probes and its variation (RFC 6298); `undefined` without one. */
  readonly rttMs: number | undefined
  readonly rttVariationMs: number | undefined
  readonly linkFault: LinkFault | undefined
}

/** Messages that changed nothing, by reason, counted since the start. */
export interface IgnoredMessages {
  /** From or about a peer outside the roster. */
  readonly stranger: number
  /** Repeated, overtaken, or about an incarnation that nobody ever had. */
  readonly stale: number
  /** With a record that names another node or peer than its author, or a wrong signature. */
  readonly foreignRecord: number
  /** Under this node's own identity. */
  readonly own: number
}
