/**
 * The membership of this node: finds the row that an input is about and hands it to the part that decides.
 *
 *     table        rows, hash, neighbours          suspicions   what probes and accusations amount to
 *     prober       who is probed when              beacon       what this node says of itself
 *     relays       probes for others               sync         comparing tables
 *
 * The core tells in `dueAt` when it wants to be called next, so it can notice by itself that a call comes late: the machine slept, the
 * process was stopped, its event loop hung. What it waited for in that time is void, because the answers may lie unread in
 * a queue; after a long absence it looks at everybody anew before it accuses anybody. Rejected: a "was suspended" input
 * from the driver, which sees sleep but neither SIGSTOP nor a hung loop, and may come after the first late message.
 */
import { assert, type BootMs, type PeerId, type Random, unreachable } from '../base/index.ts'
import { Accusations } from './accusations.ts'
import { Beacon, type SignRecord } from './beacon.ts'
import { Context } from './context.ts'
import type {
  IgnoredMessages,
  MemberRoster,
  MembershipEffect,
  MembershipInput,
  MemberView,
} from './events.ts'
import type { GossipMessage } from './gossip.ts'
import { Hearing } from './hearing.ts'
import type { Member } from './member.ts'
import type { MembershipOptions } from './options.ts'
import { Records, type VerifyRecord } from './records.ts'
import { Relays } from './relays.ts'
import type { StreamMessage } from './stream-messages.ts'
import { Suspicions } from './suspicions.ts'
import { AntiEntropy } from './sync.ts'
import { Table } from './table.ts'

interface MembershipInit {
  readonly self: PeerId
  /** Higher than in any earlier life of this node: the driver keeps it on disk. At least 1. */
  readonly life: number
  readonly options: MembershipOptions
  /** This node included. */
  readonly roster: MemberRoster
  readonly random: Random
  readonly now: BootMs
  /** With this node's key. */
  readonly signRecord: SignRecord
  /** With the key that `peer` is the id of. */
  readonly verifyRecord: VerifyRecord
}

/** Connections from which on a newcomer's gossip reaches everybody. */
const INTRODUCED_CONNECTIONS = 3

export class Membership {
  private readonly context: Context
  private readonly table: Table
  private readonly accusations: Accusations
  private readonly suspicions: Suspicions
  private readonly relays: Relays
  private readonly records: Records
  private readonly beacon: Beacon
  private readonly hearing: Hearing
  private readonly antiEntropy: AntiEntropy
  private connections = 0
  private hasLeft = false

  constructor(init: MembershipInit) {
    assert(init.life >= 1, 'the first life is 1')
    this.context = new Context(init)
    const { context } = this
    this.table = new Table(context, init.roster)
    const { table } = this
    this.accusations = new Accusations(context)
    this.suspicions = new Suspicions(context, table, this.accusations)
    this.relays = new Relays(context, table, this.suspicions.prober)
    this.records = new Records(context, table, init.verifyRecord)
    this.beacon = new Beacon(context, table, init.life, init.signRecord)
    const { beacon, records, suspicions } = this
    this.hearing = new Hearing({ context, table, records, suspicions })
    this.antiEntropy = new AntiEntropy({ context, table, beacon, records, suspicions })
  }

  /** @throws CodedError `limit.exceeded` for a `record` above `LIMITS.nodeRecordBytesMax`. */
  step(input: MembershipInput, now: BootMs): readonly MembershipEffect[] {
    this.advance(now)
    if (!this.hasLeft) this.handle(input)
    return this.finish()
  }

  /** To be called at `dueAt`; between two due times it does nothing. */
  tick(now: BootMs): readonly MembershipEffect[] {
    this.advance(now)
    return this.finish()
  }

  /** When `tick` has something to do next. Infinite after `leave`. Changes with each call. */
  get dueAt(): BootMs {
    return this.context.agenda.dueAt
  }

  /** All peers of the roster, in its order. */
  members(): readonly MemberView[] {
    return this.table.members.map((member) => this.view(member))
  }

  member(peer: PeerId): MemberView | undefined {
    const member = this.table.find(peer)
    return member && this.view(member)
  }

  get ignored(): IgnoredMessages {
    return { ...this.context.ignored }
  }

  /** Lifeguard's local health score; 0: well. */
  get localHealth(): number {
    return this.context.health.score
  }

  /** Of the table: nodes that agree on who is there have the same. */
  get tableHash(): string {
    return this.table.hash.text
  }

  private view(member: Member): MemberView {
    if (member !== this.table.self) return member.view()
    return { ...member.view(), self: true, record: this.beacon.record, lastSeen: this.context.now }
  }

  /** Lets time pass, and notices when it passed without this process. */
  private advance(now: BootMs): void {
    const { context } = this
    assert(now >= context.now, 'the clock does not go back')
    const lateMs = now - context.agenda.dueAt
    context.now = now
    const { options } = context
    if (lateMs >= options.absentAfterMs) this.comeBack()
    else if (lateMs >= options.lateMs) {
      context.health.worsen(1)
      this.suspicions.postpone(lateMs)
    }
  }

  private comeBack(): void {
    this.context.backAt = this.context.now
    this.relays.clear()
    this.suspicions.reconsider()
    this.antiEntropy.catchUp()
    this.beacon.introduce()
  }

  /** What is due, and what the call has gathered. */
  private finish(): readonly MembershipEffect[] {
    const { context } = this
    for (
      let due = context.agenda.takeDue(context.now);
      due !== undefined;
      due = context.agenda.takeDue(context.now)
    )
      due.fire()
    if (!this.hasLeft) {
      if (this.table.refreshNeighbours()) {
        const { neighbours } = this.table
        this.suspicions.prober.setNeighbours(neighbours)
        context.emit({ type: 'neighbours', peers: neighbours.map(({ peer }) => peer) })
      }
      this.accusations.flush()
    }
    return context.takeEffects()
  }

  private handle(input: MembershipInput): void {
    switch (input.type) {
      case 'gossip':
        return this.gossip(input.from, input.message)
      case 'message':
        return this.message(input.from, input.message)
      case 'connection_opened':
        return this.opened(input.peer)
      case 'connection_closed':
        return this.closed(input.peer, input.byPeer)
      case 'roster':
        for (const gone of this.table.setRoster(input.roster)) this.suspicions.prober.forget(gone)
        return
      case 'record':
        return this.beacon.changeRecord(input.record)
      case 'leave':
        this.hasLeft = true
        this.beacon.leave()
        this.context.agenda.clear()
        return
      default:
        return unreachable(input)
    }
  }

  private gossip(peer: PeerId, message: GossipMessage): void {
    const from = this.sender(peer)
    if (from === undefined) return
    switch (message.type) {
      case 'heartbeat':
        return this.hearing.heartbeat(from, message)
      case 'leave':
        return this.hearing.leave(from, message)
      case 'suspect':
        for (const { peer: accused, incarnation, evidence } of message.members)
          if (accused === this.context.self) this.beacon.accused(incarnation)
          else this.hearing.suspect(from, accused, incarnation, evidence)
        return
      case 'dead':
        for (const { peer: accused, incarnation } of message.members)
          if (accused === this.context.self) this.beacon.accused(incarnation)
          else this.hearing.dead(from, accused, incarnation)
        return
      default:
        return unreachable(message)
    }
  }

  private message(peer: PeerId, message: StreamMessage): void {
    const from = this.sender(peer)
    if (from === undefined) return
    switch (message.type) {
      case 'ping':
        this.hearing.directly(from, message.incarnation)
        if (message.accused !== undefined) this.beacon.accused(message.accused)
        return this.relays.answer(from, message)
      case 'ack':
        this.hearing.directly(from, message.incarnation)
        this.suspicions.prober.acked(from, message)
        return this.relays.acked(from, message)
      case 'ping_req':
        this.hearing.directly(from)
        return this.relays.ask(from, message)
      case 'relayed':
        this.hearing.directly(from)
        return this.hearing.relayed(from, this.suspicions.prober.relayed(message), message.incarnation)
      case 'nack':
        this.hearing.directly(from)
        return this.suspicions.prober.nacked(message.number)
      case 'sync':
        this.hearing.directly(from)
        return this.antiEntropy.hearSync(from, message)
      case 'rows':
        this.hearing.directly(from)
        return this.antiEntropy.hearRows(from, message)
      case 'want':
        this.hearing.directly(from)
        return this.records.answer(from, message.peers)
      case 'records':
        this.hearing.directly(from)
        for (const signed of message.records) this.records.take(signed)
        return
      default:
        return unreachable(message)
    }
  }

  private sender(peer: PeerId): Member | undefined {
    if (peer !== this.context.self) return this.table.other(peer)
    this.context.ignored.own += 1
    return undefined
  }

  private opened(peer: PeerId): void {
    const member = this.table.find(peer)
    if (member === undefined || member === this.table.self || member.isConnected) return
    member.isConnected = true
    member.hasClosed = false
    this.connections += 1
    this.suspicions.reconnected(member)
    this.antiEntropy.connected(member)
    if (this.connections <= INTRODUCED_CONNECTIONS) this.beacon.introduce()
    else if (member.status === 'dead') this.beacon.reappear()
  }

  private closed(peer: PeerId, byPeer: boolean): void {
    const member = this.table.find(peer)
    if (member === undefined || !member.isConnected) return
    member.isConnected = false
    this.connections -= 1
    if (!member.isNeighbour || !member.isThere || !this.context.options.alert) return
    // An absence breaks connections to the healthiest peer.
    const isOurFault = this.context.now - this.context.backAt < this.context.options.probePeriodMs
    member.hasClosed = byPeer && !isOurFault
    // A ping that was under way went with the connection.
    if (!member.hasClosed && member.probe?.isUnderWay !== true) return
    this.suspicions.prober.forget(member)
    this.suspicions.prober.start(member)
  }
}
