/**
 * One member as this node sees it, and which of two facts about a member holds.
 *
 * A fact is a pair (incarnation, status). The higher incarnation wins, because only the member itself raises it; within one
 * incarnation `alive < suspect < dead < left`. That is a total order, so taking the greater one is commutative, associative and
 * idempotent: nodes that have been told the same facts hold the same rows, in whatever order and however often they were
 * told. It is SWIM §4.2, with `left` on top: who says goodbye has spoken for itself, and nobody's suspicion overrules it.
 * It follows that the dead come back by a higher incarnation and in no other way.
 *
 * *When* a fact is believed is decided elsewhere (`suspicions.ts`, `sync.ts`); a believed one is never taken back.
 */
import { type BootMs, type Incarnation, incarnation, type NodeId, type PeerId } from '../base/index.ts'
import type { Timer } from './agenda.ts'
import type { LinkFault, MemberStatus, MemberView } from './events.ts'
import { peerHash } from './peer-hash.ts'
import type { Probe } from './probe.ts'
import type { RoundTrip } from './rtt.ts'
import type { SignedRecord } from './signed-record.ts'
import type { Suspicion } from './suspicion.ts'

export interface Fact {
  readonly incarnation: Incarnation
  readonly status: Exclude<MemberStatus, 'unseen'>
}

const RANK: Readonly<Record<MemberStatus, number>> = { unseen: 0, alive: 1, suspect: 2, dead: 3, left: 4 }

/** Whether `fact` overrules what is known. */
export function overrules(
  fact: Fact,
  known: { readonly incarnation: Incarnation; readonly status: MemberStatus },
): boolean {
  if (fact.incarnation !== known.incarnation) return fact.incarnation > known.incarnation
  return RANK[fact.status] > RANK[known.status]
}

export class Member {
  readonly peer: PeerId
  readonly nodeId: NodeId
  /** In the roster, as the rings know it. */
  index = 0
  /** Where it belongs on rings and in buckets. */
  readonly hash: number
  status: MemberStatus = 'unseen'
  /** 0 until something was heard. */
  incarnation: Incarnation = incarnation(0)
  record: SignedRecord | undefined
  /** Encoded, so that answers can be cut to size. */
  recordBytes = 0
  /** Dead or left for so long that it is shown as never seen. */
  isForgotten = false
  isConnected = false
  isNeighbour = false
  /** It, or the network, closed its connection, and nothing was heard of it since. */
  hasClosed = false
  /** Its last message on a stream. */
  heardAt: BootMs | undefined
  /** The last sign of life of its own, gossip included. */
  lastSeen: BootMs | undefined
  /** When this node last learnt from anybody that it is alive. */
  newsAt: BootMs | undefined
  /** Of its newest heartbeat. */
  sequence = 0
  /** Of its last ping to this node. */
  lastPing = 0
  roundTrip: RoundTrip | undefined
  probe: Probe | undefined
  suspicion: Suspicion | undefined
  tombstone: Timer | undefined
  linkFault: LinkFault | undefined
  /** Its part in the hash of the table. */
  digestHigh = 0
  digestLow = 0

  constructor(peer: PeerId, nodeId: NodeId) {
    this.peer = peer
    this.nodeId = nodeId
    this.hash = peerHash(peer)
  }

  /** Part of the mesh now, though perhaps under suspicion. */
  get isThere(): boolean {
    return this.status === 'alive' || this.status === 'suspect'
  }

  get recordVersion(): number {
    return this.record?.version ?? 0
  }

  view(): MemberView {
    const status = this.isForgotten ? 'unseen' : this.status
    return {
      peer: this.peer,
      nodeId: this.nodeId,
      self: false,
      status,
      incarnation: this.incarnation,
      record: this.record?.record,
      lastSeen: this.lastSeen,
      rttMs: this.roundTrip?.smoothedMs,
      rttVariationMs: this.roundTrip?.variationMs,
      linkFault: this.linkFault,
    }
  }
}
