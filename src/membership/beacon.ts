/**
 * This node's own heartbeats: when the next one is due, and whether the record rides along.
 *
 * Regular beats keep the announced interval. A prompt beat is sent ahead of time when waiting would leave others
 * without facts: the record changed, or somebody appeared who may not know this node. Prompt beats keep a distance
 * of a quarter of the interval, so however much happens the rate is at most four times the regular one.
 *
 * Gossip to a peer that has just connected is often lost, because its gossip stream is still being set up; so an
 * introduction puts the record on the next three beats, and after that every `recordEveryBeats`.
 */
import { type BootMs, bootMs, CodedError, encode, type Incarnation, LIMITS } from '../base/index.ts'
import type { Heartbeat } from './gossip.ts'
import type { NodeRecord } from './node-record.ts'
import { heartbeatIntervalMs, type MembershipOptions } from './options.ts'

const PROMPT_PART = 1 / 4
const INTRODUCTION_BEATS = 3

export class Beacon {
  record: NodeRecord | undefined
  private readonly incarnation: Incarnation
  private readonly options: MembershipOptions
  private recordVersion = 0
  private sequence = 0
  private dueAt: BootMs = bootMs(0)
  private promptFrom: BootMs = bootMs(0)
  private isPrompt = true
  private introductionsLeft = INTRODUCTION_BEATS

  constructor(incarnation: Incarnation, options: MembershipOptions) {
    this.incarnation = incarnation
    this.options = options
  }

  /** @throws CodedError `limit.exceeded` above `LIMITS.nodeRecordBytesMax`; the old record stays. */
  changeRecord(record: NodeRecord): void {
    const stamped = { ...record, record_version: this.recordVersion + 1 }
    const bytes = encode(stamped).length
    if (bytes > LIMITS.nodeRecordBytesMax)
      throw new CodedError('limit.exceeded', {
        what: 'the node record',
        got: bytes,
        max: LIMITS.nodeRecordBytesMax,
      })
    this.record = stamped
    this.recordVersion += 1
    this.introduce()
  }

  /** Somebody may not know this node, or not its newest record. */
  introduce(): void {
    this.isPrompt = true
    this.introductionsLeft = INTRODUCTION_BEATS
  }

  /** The heartbeat to publish now, if one is due in a mesh of `members`. */
  beat(now: BootMs, members: number): Heartbeat | undefined {
    if (now < (this.isPrompt ? this.promptFrom : this.dueAt)) return undefined
    const intervalMs = heartbeatIntervalMs(this.options, members)
    this.sequence += 1
    this.dueAt = bootMs(now + intervalMs)
    this.promptFrom = bootMs(now + intervalMs * PROMPT_PART)
    this.isPrompt = false
    const heartbeat: Heartbeat = {
      type: 'heartbeat',
      incarnation: this.incarnation,
      sequence: this.sequence,
      intervalMs,
      recordVersion: this.recordVersion,
    }
    const withRecord = this.introductionsLeft > 0 || this.sequence % this.options.recordEveryBeats === 0
    this.introductionsLeft = Math.max(0, this.introductionsLeft - 1)
    return withRecord && this.record !== undefined ? { ...heartbeat, record: this.record } : heartbeat
  }
}
