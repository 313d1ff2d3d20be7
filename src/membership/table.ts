/**
 * All rows: one for each credential of the roster, this node's own included, so the table is as large as the roster and
 * strangers cannot fill it. Every change of a row goes through `learn`, which keeps what is derived from rows: the hash, the number
 * of those who are there, the neighbours, the tombstones.
 */
import { type NodeId, type PeerId, present } from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { ChangeCause, MemberRoster, MemberStatus } from './events.ts'
import { lifeOf } from './incarnation.ts'
import { type Fact, Member, overrules } from './member.ts'
import { Rings } from './neighbours.ts'
import type { SignedRecord } from './signed-record.ts'
import { TableHash } from './table-hash.ts'

export class Table {
  readonly hash = new TableHash()
  /** In the order of the roster. */
  members: readonly Member[] = []
  /** This node's own row. */
  readonly self: Member
  /** Members that are there, this node included. */
  thereCount = 0
  neighbours: readonly Member[] = []
  /** Members with a suspicion, whether it is believed or not. */
  readonly doubted = new Set<Member>()
  private readonly context: Context
  private readonly rows = new Map<PeerId, Member>()
  private rings: Rings | undefined
  private areNeighboursStale = false

  constructor(context: Context, roster: MemberRoster) {
    this.context = context
    this.self = this.enter(context.self, present(roster.get(context.self), 'this node in its own roster'))
    this.setRoster(roster)
  }

  /** Another member; counts strangers. */
  other(peer: PeerId): Member | undefined {
    const member = this.rows.get(peer)
    if (member === undefined) this.context.ignored.stranger += 1
    return member
  }

  find(peer: PeerId): Member | undefined {
    return this.rows.get(peer)
  }

  /** Believes `fact` if it overrules what is known, and says whether it did. */
  learn(member: Member, fact: Fact, cause: ChangeCause, by?: PeerId): boolean {
    if (!overrules(fact, member)) return false
    const from = member.isForgotten ? 'unseen' : member.status
    const wasThere = member.isThere
    const hadLeft = member.status === 'left'
    if (lifeOf(fact.incarnation) > lifeOf(member.incarnation)) startLife(member)
    if (fact.incarnation > member.incarnation || !isDoubt(fact.status)) this.endDoubt(member)
    member.incarnation = fact.incarnation
    member.status = fact.status
    member.isForgotten = false
    if (fact.status === 'alive') member.newsAt = this.context.now
    this.thereCount += Number(member.isThere) - Number(wasThere)
    if (member.isThere !== wasThere || (member.status === 'left') !== hadLeft) this.areNeighboursStale = true
    this.bury(member)
    this.hash.update(member)
    if (member !== this.self) this.announce(member, from, member.status, cause, by)
    return true
  }

  /** The newest record of `member`, already checked. */
  keepRecord(member: Member, record: SignedRecord, bytes: number): void {
    member.record = record
    member.recordBytes = bytes
    this.hash.update(member)
  }

  /** @returns who is not in it any more. */
  setRoster(roster: MemberRoster): readonly Member[] {
    const gone = this.members.filter(
      (member) => member !== this.self && roster.get(member.peer) !== member.nodeId,
    )
    for (const member of gone) this.strike(member)
    const members: Member[] = []
    for (const [peer, nodeId] of roster) members.push(this.rows.get(peer) ?? this.enter(peer, nodeId))
    // Whose credential is taken back keeps its own row until its driver ends it.
    if (!roster.has(this.context.self)) members.push(this.self)
    for (const [index, member] of members.entries()) member.index = index
    this.members = members
    const { fullMeshMax, rings } = this.context.options
    this.rings = members.length > fullMeshMax ? new Rings(members, rings) : undefined
    this.areNeighboursStale = true
    return gone
  }

  endDoubt(member: Member): void {
    if (member.suspicion === undefined) return
    this.context.agenda.cancel(member.suspicion.timer)
    this.context.agenda.cancel(member.suspicion.sayTimer)
    member.suspicion = undefined
    this.doubted.delete(member)
  }

  /** Those who are next to `member` and there: who can witness for or against it. */
  witnessesOf(member: Member): number {
    if (this.rings === undefined) return this.thereCount - Number(member.isThere)
    return this.around(member, (other) => other.isThere).size
  }

  /** Brings the neighbours up to date. @returns whether they changed. */
  refreshNeighbours(): boolean {
    if (!this.areNeighboursStale) return false
    this.areNeighboursStale = false
    const found =
      this.rings === undefined
        ? new Set(this.members.filter((member) => member !== this.self && member.status !== 'left'))
        : this.around(
            this.self,
            (other) => other.status !== 'left',
            this.around(this.self, (other) => other.isThere),
          )
    if (found.size === this.neighbours.length && this.neighbours.every((member) => found.has(member)))
      return false
    for (const member of this.neighbours) member.isNeighbour = false
    for (const member of found) member.isNeighbour = true
    this.neighbours = [...found]
    return true
  }

  private around(member: Member, isOn: (other: Member) => boolean, found = new Set<Member>()): Set<Member> {
    const at = (index: number): Member => present(this.members[index], 'a member for each index')
    this.rings?.around(
      member.index,
      (other) => isOn(at(other)),
      (other) => found.add(at(other)),
    )
    return found
  }

  /** Starts or ends the time for which a member is remembered that is no longer there. */
  private bury(member: Member): void {
    if (member.isThere) {
      if (member.tombstone !== undefined) this.context.agenda.cancel(member.tombstone)
      return
    }
    member.tombstone ??= new Timer(() => {
      const from = member.status
      member.isForgotten = true
      member.record = undefined
      this.announce(member, from, 'unseen', 'tombstone')
    })
    this.context.after(member.tombstone, this.context.options.tombstoneMs)
  }

  private enter(peer: PeerId, nodeId: NodeId): Member {
    const member = new Member(peer, nodeId)
    this.rows.set(peer, member)
    if (peer !== this.context.self) this.announce(member, undefined, 'unseen', 'roster')
    return member
  }

  private strike(member: Member): void {
    this.endDoubt(member)
    if (member.tombstone !== undefined) this.context.agenda.cancel(member.tombstone)
    this.hash.remove(member)
    this.thereCount -= Number(member.isThere)
    this.rows.delete(member.peer)
    this.announce(member, member.isForgotten ? 'unseen' : member.status, undefined, 'roster')
  }

  private announce(
    member: Member,
    from: MemberStatus | undefined,
    to: MemberStatus | undefined,
    cause: ChangeCause,
    by?: PeerId,
  ): void {
    const { peer, nodeId, incarnation } = member
    this.context.emit({ type: 'changed', peer, nodeId, from, to, cause, by, incarnation })
  }
}

const isDoubt = (status: MemberStatus): boolean => status === 'suspect' || status === 'alive'

/** What a machine said or could do in its last life is no claim about this one. */
function startLife(member: Member): void {
  member.record = undefined
  member.sequence = 0
  member.lastPing = 0
}
