/**
 * The member table and this node's part in keeping everybody's up to date.
 *
 * The table has one row for each credential of the roster, so its size is the roster's and strangers cannot fill it.
 * What moves a row is told in `member.ts`; when this node speaks, in `beacon.ts`. Here inputs find their row, and
 * every change of a row's status or incarnation becomes one effect.
 *
 * A process that was away (the machine slept, the process was stopped, the event loop hung) hears its backlog only
 * after its clock has jumped, and would declare the whole mesh dead if it judged at once. It can tell by itself: the
 * driver ticks every `tickMs`, so a long gap between two calls was an absence, whatever its cause. From then on
 * silence is counted anew, and nobody is accused before a full fresh period. Rejected: a "was suspended" input from
 * the driver, which sees sleep but not SIGSTOP or a hung event loop, and may come after the first late message.
 */
import {
  assert,
  type BootMs,
  bootMs,
  type Incarnation,
  type NodeId,
  type PeerId,
  unreachable,
} from '../base/index.ts'
import { Beacon } from './beacon.ts'
import type {
  ChangeCause,
  IgnoredGossip,
  MemberChanged,
  MemberRoster,
  MembershipEffect,
  MembershipInput,
  MemberView,
} from './events.ts'
import type { GossipMessage } from './gossip.ts'
import { Member, type Reception } from './member.ts'
import type { NodeRecord } from './node-record.ts'
import { awayAfterMs, type MembershipOptions } from './options.ts'

interface MembershipInit {
  readonly self: PeerId
  /** Higher than in any earlier life of this node: the driver keeps it on disk. At least 1. */
  readonly incarnation: Incarnation
  readonly options: MembershipOptions
  readonly roster: MemberRoster
}

export class Membership {
  private readonly self: PeerId
  private readonly incarnation: Incarnation
  private readonly options: MembershipOptions
  private readonly beacon: Beacon
  private readonly others = new Map<PeerId, Member>()
  private readonly ignoredCounts = { stranger: 0, stale: 0, foreignRecord: 0, own: 0 }
  private roster: MemberRoster = new Map()
  private hasLeft = false
  private now: BootMs = bootMs(0)
  private backAt: BootMs = bootMs(0)

  constructor({ self, incarnation, options, roster }: MembershipInit) {
    assert(incarnation >= 1, 'the first incarnation is 1')
    assert(options.deadAfterBeats > options.suspectAfterBeats, 'suspicion comes before the verdict')
    this.self = self
    this.incarnation = incarnation
    this.options = options
    this.beacon = new Beacon(incarnation, options)
    this.changeRoster(roster)
  }

  /** @throws CodedError `limit.exceeded` for a `record` above `LIMITS.nodeRecordBytesMax`. */
  step(input: MembershipInput, now: BootMs): readonly MembershipEffect[] {
    this.advance(now)
    const effects = this.handle(input)
    return [...effects, ...this.speak()]
  }

  /** To be called at least every `options.tickMs`. */
  tick(now: BootMs): readonly MembershipEffect[] {
    this.advance(now)
    const changes = [...this.others.values()].flatMap((member) =>
      observe(member, 'silence', () => member.age(now, this.backAt, this.options)),
    )
    return [...changes, ...this.speak()]
  }

  /** All peers of the roster, in its order. */
  members(): readonly MemberView[] {
    return [...this.roster].map(([peer, nodeId]) => this.view(peer, nodeId))
  }

  ignored(): IgnoredGossip {
    return { ...this.ignoredCounts }
  }

  private advance(now: BootMs): void {
    assert(now >= this.now, 'the clock does not go back')
    if (now - this.now > awayAfterMs(this.options)) this.backAt = now
    this.now = now
  }

  private handle(input: MembershipInput): readonly MembershipEffect[] {
    switch (input.type) {
      case 'gossip':
        return this.hear(input.from, input.message)
      case 'connection_opened':
        return this.connectionOpened(input.peer)
      case 'connection_closed':
        return this.connectionClosed(input.peer)
      case 'roster':
        return this.changeRoster(input.roster)
      case 'record':
        this.beacon.changeRecord(input.record)
        return []
      case 'leave':
        return this.leave()
      default:
        return unreachable(input)
    }
  }

  private hear(from: PeerId, message: GossipMessage): readonly MemberChanged[] {
    const member = this.others.get(from)
    if (member === undefined) {
      this.ignoredCounts[from === this.self ? 'own' : 'stranger'] += 1
      return []
    }
    if (message.type === 'heartbeat' && message.record !== undefined && !isRecordOf(member, message.record)) {
      this.ignoredCounts.foreignRecord += 1
      return []
    }
    return observe(member, message.type, () => {
      const known = member.incarnation
      if (receive(member, message, this.now) === 'stale') this.ignoredCounts.stale += 1
      // A new life knows nobody: it is told of this node ahead of time.
      else if (member.incarnation > known && member.status === 'alive') this.beacon.introduce()
    })
  }

  private connectionOpened(peer: PeerId): readonly MemberChanged[] {
    const member = this.others.get(peer)
    if (member === undefined) return []
    this.beacon.introduce()
    return observe(member, 'connection_opened', () => member.connectionOpened(this.now))
  }

  private connectionClosed(peer: PeerId): readonly MemberChanged[] {
    const member = this.others.get(peer)
    if (member === undefined) return []
    return observe(member, 'connection_closed', () => member.connectionClosed(this.now, this.backAt))
  }

  private changeRoster(roster: MemberRoster): readonly MemberChanged[] {
    this.roster = new Map(roster)
    const changes: MemberChanged[] = []
    for (const member of this.others.values())
      if (roster.get(member.peer) !== member.nodeId) {
        this.others.delete(member.peer)
        changes.push(changed(member, member.status, undefined, 'roster'))
      }
    for (const [peer, nodeId] of roster)
      if (peer !== this.self && !this.others.has(peer)) {
        const member = new Member(peer, nodeId)
        this.others.set(peer, member)
        changes.push(changed(member, undefined, member.status, 'roster'))
      }
    return changes
  }

  private leave(): readonly MembershipEffect[] {
    if (this.hasLeft) return []
    this.hasLeft = true
    return [{ type: 'publish', message: { type: 'leave', incarnation: this.incarnation } }]
  }

  private speak(): readonly MembershipEffect[] {
    if (this.hasLeft) return []
    const message = this.beacon.beat(this.now, this.roster.size)
    return message === undefined ? [] : [{ type: 'publish', message }]
  }

  private view(peer: PeerId, nodeId: NodeId): MemberView {
    const member = this.others.get(peer)
    if (member !== undefined) {
      const { status, incarnation, record, lastSeen } = member
      return { peer, nodeId, self: false, status, incarnation, record, lastSeen }
    }
    return {
      peer,
      nodeId,
      self: true,
      status: this.hasLeft ? 'left' : 'alive',
      incarnation: this.incarnation,
      record: this.beacon.record,
      lastSeen: this.now,
    }
  }
}

/** Lets `event` happen to `member` and says what it changed. */
function observe(member: Member, cause: ChangeCause, event: () => void): readonly MemberChanged[] {
  const { status, incarnation } = member
  event()
  if (member.status === status && member.incarnation === incarnation) return []
  return [changed(member, status, member.status, cause)]
}

function receive(member: Member, message: GossipMessage, now: BootMs): Reception {
  switch (message.type) {
    case 'heartbeat':
      return member.hearHeartbeat(message, now)
    case 'leave':
      return member.hearLeave(message, now)
    default:
      return unreachable(message)
  }
}

function isRecordOf(member: Member, record: NodeRecord): boolean {
  return record.id === member.nodeId && (record.peer_id ?? member.peer) === member.peer
}

function changed(
  member: Member,
  from: MemberChanged['from'],
  to: MemberChanged['to'],
  cause: ChangeCause,
): MemberChanged {
  const { peer, nodeId, incarnation } = member
  return { type: 'changed', peer, nodeId, from, to, cause, incarnation }
}
