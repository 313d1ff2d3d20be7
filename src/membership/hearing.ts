/**
 * What is heard of other members: from themselves, straight or by gossip, and from each other. Decides whether it can be, counts what
 * cannot, and hands the rest to the table, the records, or the suspicions.
 */
import type { Incarnation, PeerId } from '../base/index.ts'
import type { Context } from './context.ts'
import type { Evidence, Heartbeat, Leave } from './gossip.ts'
import { isPlausible, lifeOf } from './incarnation.ts'
import { linkHeard } from './link-faults.ts'
import type { Member } from './member.ts'
import type { Records } from './records.ts'
import type { Suspicions } from './suspicions.ts'
import type { Table } from './table.ts'

interface HearingParts {
  readonly context: Context
  readonly table: Table
  readonly records: Records
  readonly suspicions: Suspicions
}

export class Hearing {
  private readonly context: Context
  private readonly table: Table
  private readonly records: Records
  private readonly suspicions: Suspicions

  constructor({ context, table, records, suspicions }: HearingParts) {
    this.context = context
    this.table = table
    this.records = records
    this.suspicions = suspicions
  }

  /** A message of `member` on a stream: its process is there now. @param incarnation if the message says it. */
  directly(member: Member, incarnation?: Incarnation): void {
    member.heardAt = this.context.now
    member.lastSeen = this.context.now
    linkHeard(this.context, member)
    if (incarnation !== undefined && this.speaks(member, incarnation)) this.tellOfDoubt(member)
  }

  heartbeat(member: Member, { incarnation, sequence, recordVersion, record, change }: Heartbeat): void {
    if (!this.speaks(member, incarnation)) return
    if (record !== undefined && record.peer === member.peer) this.records.take(record)
    else if (record !== undefined) this.context.ignored.foreignRecord += 1
    if (change !== undefined) this.records.change(member, change)
    if (sequence <= member.sequence) {
      this.context.ignored.stale += 1
      return
    }
    member.sequence = sequence
    member.lastSeen = this.context.now
    if (member.isThere) member.newsAt = this.context.now
    if (recordVersion > member.recordVersion && member.isThere) this.askForRecord(member)
    this.tellOfDoubt(member)
  }

  leave(member: Member, { incarnation }: Leave): void {
    if (!isPlausible(incarnation)) this.context.ignored.stale += 1
    else if (this.table.learn(member, { incarnation, status: 'left' }, 'leave')) {
      member.lastSeen = this.context.now
      this.suspicions.prober.forget(member)
    } else this.context.ignored.stale += 1
  }

  suspect(from: Member, peer: PeerId, incarnation: Incarnation, evidence: Evidence): void {
    const member = this.table.other(peer)
    if (member === undefined) return
    if (!isPlausible(incarnation) || !this.suspicions.suspected(member, incarnation, evidence, from))
      this.context.ignored.stale += 1
  }

  dead(from: Member, peer: PeerId, incarnation: Incarnation): void {
    const member = this.table.other(peer)
    if (member === undefined) return
    if (!isPlausible(incarnation) || !this.suspicions.declaredDead(member, incarnation, from))
      this.context.ignored.stale += 1
  }

  /** `member` answered `from`, who had asked it for this node. */
  relayed(from: Member, member: Member | undefined, incarnation: Incarnation): void {
    if (member === undefined || !isPlausible(incarnation)) this.context.ignored.stale += 1
    else this.table.learn(member, { incarnation, status: 'alive' }, 'told', from.peer)
  }

  /** Takes what `member` says of its own incarnation. @returns whether it is the one that is known now. */
  private speaks(member: Member, incarnation: Incarnation): boolean {
    if (!isPlausible(incarnation) || incarnation < member.incarnation) {
      this.context.ignored.stale += 1
      return false
    }
    const isRefuting = member.incarnation > 0 && lifeOf(incarnation) === lifeOf(member.incarnation)
    this.table.learn(member, { incarnation, status: 'alive' }, isRefuting ? 'refuted' : 'heartbeat')
    return true
  }

  /** It speaks as if nothing were held against it. */
  private tellOfDoubt(member: Member): void {
    if (member.isConnected || member.isNeighbour) this.suspicions.tell(member)
  }

  private askForRecord(member: Member): void {
    const whom = member.isConnected ? member : this.table.neighbours.find((other) => other.isConnected)
    if (whom !== undefined) this.records.ask(whom.peer, [member.peer])
  }
}
