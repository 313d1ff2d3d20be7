/**
 * What this node says of itself: its incarnation, its record, its heartbeats.
 *
 * A heartbeat carries facts and not liveness, which is the failure detector's to find out; so regular beats are far apart and
 * their interval grows with the mesh. Some things do not wait for it, within a bound on the rate of `BURST` beats at once
 * and four times the regular rate in the long run: a changed record; an introduction, when this node has just come
 * into a mesh whose gossip streams to it are still being set up; contact with the other side of a partition, where it may be
 * held for dead at an incarnation that it has left long ago. And a refutation, for which no bound holds but the
 * pause between two messages, since each is caused by an accusation of a new incarnation.
 *
 * Refuting (SWIM §4.2): whatever others hold against this node, it takes an incarnation above. An incarnation of its own that
 * it never had means that it has forgotten a life: its disk is older than the mesh's memory. It then takes a life beyond, so that
 * records of the forgotten one cannot pass for newer.
 */
import {
  type BootMs,
  bootMs,
  CodedError,
  encode,
  type Incarnation,
  incarnation,
  LIMITS,
} from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { Heartbeat } from './gossip.ts'
import { firstIncarnation, isPlausible, lifeOf } from './incarnation.ts'
import type { Fact } from './member.ts'
import type { NodeRecord } from './node-record.ts'
import { heartbeatIntervalMs } from './options.ts'
import { recordChange } from './record-change.ts'
import { recordStatement, type SignedRecord } from './signed-record.ts'
import type { Table } from './table.ts'

/** Of a regular interval: the pause between two beats ahead of time, in the long run. */
const PROMPT_PART = 1 / 4
const BURST = 4
const INTRODUCTIONS = 3
const GREETINGS = 2

export type SignRecord = (statement: Uint8Array) => Uint8Array

export class Beacon {
  private readonly context: Context
  private readonly table: Table
  private readonly sign: SignRecord
  private readonly timer = new Timer(() => this.beat())
  /** As it is now; the one with a version and a signature is in this node's row. */
  record: NodeRecord | undefined
  private sequence = 0
  /** The record was not yet signed and published as it is now, or not in this life. */
  private isRecordNew = false
  private isRefuting = false
  private greetingsLeft = 0
  /** Gossip streams take a while after their connection. */
  private greetFrom: BootMs = bootMs(0)
  private introductionsLeft = INTRODUCTIONS
  private lastBeatAt: BootMs | undefined
  /** Until here the prompt beats of the past use up the permitted rate. */
  private usedUntil: BootMs = bootMs(0)

  constructor(context: Context, table: Table, life: number, sign: SignRecord) {
    this.context = context
    this.table = table
    this.sign = sign
    this.appear(firstIncarnation(life))
    this.context.after(this.timer, 0)
  }

  /** @throws CodedError `limit.exceeded` above `LIMITS.nodeRecordBytesMax`; the old record stays. */
  changeRecord(record: NodeRecord): void {
    const bytes = encode(record).length
    if (bytes > LIMITS.nodeRecordBytesMax)
      throw new CodedError('limit.exceeded', {
        what: 'the node record',
        got: bytes,
        max: LIMITS.nodeRecordBytesMax,
      })
    this.record = record
    this.isRecordNew = true
    this.plan()
  }

  /** Others have just come within reach who may not know this node, nor hear the first gossip. */
  introduce(): void {
    this.introductionsLeft = INTRODUCTIONS
    this.plan()
  }

  /** Somebody is within reach again who may have held this node for dead, as this node did: many others may as well. */
  reappear(): void {
    this.greetingsLeft = GREETINGS
    this.greetFrom = bootMs(this.context.now + this.context.options.probePeriodMs)
    this.plan()
  }

  /** Somebody says that this node, at that incarnation, is suspect or dead. */
  accused(by: Incarnation): void {
    const own = this.table.self.incarnation
    if (by < own || !isPlausible(by)) return
    this.context.health.worsen(1)
    this.rise(by)
  }

  /** This node's row in the table of another. */
  listed(row: Fact): void {
    const { self } = this.table
    const isRight = row.incarnation === self.incarnation && row.status === 'alive'
    if (row.incarnation < self.incarnation || isRight) return
    if (row.status === 'suspect' || row.status === 'dead') this.context.health.worsen(1)
    this.rise(row.incarnation)
  }

  /** Its incarnation is over by its own word. */
  leave(): void {
    const { self } = this.table
    this.table.learn(self, { incarnation: self.incarnation, status: 'left' }, 'leave')
    this.context.emit({ type: 'publish', message: { type: 'leave', incarnation: self.incarnation } })
  }

  private rise(above: Incarnation): void {
    const own = this.table.self.incarnation
    const next = above > own ? firstIncarnation(lifeOf(above) + 1) : incarnation(above + 1)
    const isNewLife = lifeOf(next) > lifeOf(own)
    // First of all effects that follow from it: the driver keeps it before anything is sent.
    if (isNewLife) this.context.emit({ type: 'life', life: lifeOf(next) })
    this.appear(next)
    if (isNewLife) {
      this.sequence = 0
      this.isRecordNew = this.record !== undefined
    }
    this.isRefuting = true
    this.plan()
  }

  private appear(as: Incarnation): void {
    this.table.learn(this.table.self, { incarnation: as, status: 'alive' }, 'heartbeat')
  }

  private beat(): void {
    const { context, table } = this
    const { now } = context
    if (this.lastBeatAt !== undefined && now < this.lastBeatAt + this.intervalMs)
      this.usedUntil = bootMs(Math.max(now, this.usedUntil) + this.intervalMs * PROMPT_PART)
    this.sequence += 1
    this.lastBeatAt = now
    const news = this.news()
    const { incarnation, recordVersion } = table.self
    const message: Heartbeat = {
      type: 'heartbeat',
      incarnation,
      sequence: this.sequence,
      recordVersion,
      ...news,
    }
    this.isRefuting = false
    if (now >= this.greetFrom) this.greetingsLeft = Math.max(0, this.greetingsLeft - 1)
    this.introductionsLeft = Math.max(0, this.introductionsLeft - 1)
    context.emit({ type: 'publish', message })
    this.plan()
  }

  /** What of the record goes with the beat: all of it, its change, or nothing. */
  private news(): Pick<Heartbeat, 'record' | 'change'> {
    const before = this.table.self.record
    const record = this.isRecordNew ? this.signed() : before
    this.isRecordNew = false
    if (record === undefined || record === before)
      return record !== undefined && this.introductionsLeft > 0 ? { record } : {}
    const isIntroducing = this.introductionsLeft > 0 || before?.life !== record.life
    const fields =
      isIntroducing || before === undefined ? undefined : recordChange(before.record, record.record)
    if (fields === undefined) return { record }
    return { change: { from: record.version - 1, ...fields, signature: record.signature } }
  }

  /** The newest record under the next version. */
  private signed(): SignedRecord | undefined {
    const { self } = this.table
    if (this.record === undefined) return undefined
    const life = lifeOf(self.incarnation)
    const version = self.recordVersion + 1
    const record = { ...this.record, record_version: version }
    const statement = recordStatement(self.peer, life, version, record)
    const signed = { peer: self.peer, life, version, record, signature: this.sign(statement) }
    this.table.keepRecord(self, signed, statement.length)
    return signed
  }

  /** Sets the time of the next beat: the regular one, or an earlier one that is wanted and permitted. */
  private plan(): void {
    const { agenda, options } = this.context
    const permittedAt = this.usedUntil - (BURST - 1) * this.intervalMs * PROMPT_PART
    const soon = this.pauseUntil(options.accusationBatchMs)
    let at = this.pauseUntil(this.intervalMs)
    if (this.isRefuting) at = Math.min(at, soon)
    if (this.isRecordNew) at = Math.min(at, Math.max(permittedAt, soon))
    const later = Math.max(permittedAt, this.pauseUntil(options.probePeriodMs))
    if (this.introductionsLeft > 0) at = Math.min(at, later)
    if (this.greetingsLeft > 0) at = Math.min(at, Math.max(later, this.greetFrom))
    agenda.set(this.timer, bootMs(Math.max(at, this.context.now)))
  }

  /** So long after the last beat. */
  private pauseUntil(ms: number): number {
    return this.lastBeatAt === undefined ? this.context.now : this.lastBeatAt + ms
  }

  private get intervalMs(): number {
    return heartbeatIntervalMs(this.context.options, this.table.members.length)
  }
}
