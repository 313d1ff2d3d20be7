/**
 * One member as this node sees it.
 *
 * A member's story is told by the member alone, in messages that carry (incarnation, sequence): a later pair is
 * news, an equal or earlier one is an echo and changes nothing. Silence and closed connections are this node's own
 * observations: they only ever cast doubt, and doubt ends with the next news. Requirements of each transition:
 *
 *     from            to       when
 *     unseen          alive    first heartbeat
 *     alive, suspect  alive    heartbeat with a later pair (suspect: the doubt is over)
 *     dead            alive    heartbeat with a later pair; a connection alone proves a process, not which life of it
 *     left            alive    heartbeat of a higher incarnation; of the same one, nothing is believed after `leave`
 *     suspect         alive    a connection to it opened: it answered just now
 *     alive           suspect  it was silent for `suspectAfterBeats`, or its last connection closed (but not within a beat of
                              this process's own return: an absence breaks connections to the healthiest peer)
 *     suspect         dead     it was silent for `deadAfterBeats`; never straight from alive, never by a closed connection
 *     any             left     `leave` of the same or a higher incarnation
 *
 * Silence is counted from the last sign of life or from when this process came back from being away, whichever is
 * later, in intervals that the member itself announced.
 *
 * The record belongs to an incarnation and is kept by its own version: a heartbeat that was overtaken by a later
 * one can still bring the newest record. A new incarnation starts without a record, because what a machine could do
 * in its last life is no claim about this one.
 */
import { type BootMs, type Incarnation, incarnation, type NodeId, type PeerId } from '../base/index.ts'
import type { Heartbeat, Leave } from './gossip.ts'
import type { NodeRecord } from './node-record.ts'
import type { MembershipOptions } from './options.ts'

/** `unseen`: in the roster, never heard of since this process started. */
export type MemberStatus = 'unseen' | 'alive' | 'suspect' | 'dead' | 'left'

/** What a message was to the member that it is about. */
export type Reception = 'news' | 'stale'

export class Member {
  readonly peer: PeerId
  readonly nodeId: NodeId
  status: MemberStatus = 'unseen'
  /** 0 until something was heard. */
  incarnation: Incarnation = incarnation(0)
  record: NodeRecord | undefined
  /** The last sign of life: news, or an opened connection. */
  lastSeen: BootMs | undefined
  private sequence = 0
  private recordVersion = 0
  private intervalMs = 0

  constructor(peer: PeerId, nodeId: NodeId) {
    this.peer = peer
    this.nodeId = nodeId
  }

  hearHeartbeat(beat: Heartbeat, now: BootMs): Reception {
    if (beat.incarnation < this.incarnation) return 'stale'
    if (beat.incarnation > this.incarnation) this.startLife(beat.incarnation)
    if (beat.record !== undefined && beat.recordVersion > this.recordVersion) {
      this.record = beat.record
      this.recordVersion = beat.recordVersion
    }
    if (beat.sequence <= this.sequence || this.status === 'left') return 'stale'
    this.sequence = beat.sequence
    this.intervalMs = beat.intervalMs
    this.status = 'alive'
    this.lastSeen = now
    return 'news'
  }

  hearLeave(leave: Leave, now: BootMs): Reception {
    if (leave.incarnation < this.incarnation) return 'stale'
    if (leave.incarnation > this.incarnation) this.startLife(leave.incarnation)
    else if (this.status === 'left') return 'stale'
    this.status = 'left'
    this.lastSeen = now
    return 'news'
  }

  connectionOpened(now: BootMs): void {
    if (this.status !== 'alive' && this.status !== 'suspect') return
    this.status = 'alive'
    this.lastSeen = now
  }

  /** @param backAt when this process last came back from being away. */
  connectionClosed(now: BootMs, backAt: BootMs): void {
    if (this.status === 'alive' && now - backAt >= this.intervalMs) this.status = 'suspect'
  }

  /** Judges the silence. @param backAt as above. */
  age(now: BootMs, backAt: BootMs, options: MembershipOptions): void {
    const silenceMs = now - Math.max(this.lastSeen ?? 0, backAt)
    if (this.status === 'alive' && silenceMs >= options.suspectAfterBeats * this.intervalMs)
      this.status = 'suspect'
    else if (this.status === 'suspect' && silenceMs >= options.deadAfterBeats * this.intervalMs)
      this.status = 'dead'
  }

  /** Leaves the status to the message that told of the new life. */
  private startLife(higher: Incarnation): void {
    this.incarnation = higher
    this.sequence = 0
    this.recordVersion = 0
    this.record = undefined
    if (this.status === 'left') this.status = 'unseen'
  }
}
