/**
 * SWIM's probes (§3.1, §4.3) with Lifeguard's nacks: one neighbour each period, in a round robin that is shuffled each time
 * around, so that the time until a member is probed is bounded and nobody is probed by everybody at once.
 *
 *     t                 ping
 *     t + timeout       no answer: `indirectProbes` other neighbours are asked to ping it (RFC 6298 says what the timeout is)
 *     t + period        no answer by any way: failed. An answer to others only: there, but the link is at fault
 *
 * Whoever is doubted, or has just connected or closed, is probed out of turn; there is never more than one probe of a member at
 * a time. What a probe means for the member is not decided here: see `suspicions.ts`.
 *
 * A late answer to a probe that has failed still counts as a sign of life, through `hear` of the dispatcher.
 */
import { bootMs, type PeerId } from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { Member } from './member.ts'
import { Probe } from './probe.ts'
import { RoundTrip } from './rtt.ts'
import type { Ack, PingReq, Relayed } from './stream-messages.ts'
import type { Table } from './table.ts'

/** Part of what is left of a probe after which a nack is wanted: the rest is for its way. */
const NACK_PART = 0.8
/** The timeout is at most this part of a probe, so that there is time to ask others. */
const DIRECT_PART = 0.5

export interface ProbeOutcomes {
  /** Straight, by its own message; the probe has ended. */
  answered(member: Member, probe: Probe): void
  /** To others only; the probe has ended. */
  answeredOthers(member: Member, probe: Probe): void
  failed(member: Member, probe: Probe): void
}

export class Prober {
  private readonly context: Context
  private readonly table: Table
  private readonly outcomes: ProbeOutcomes
  private readonly underWay = new Map<number, Member>()
  private readonly turn = new Timer(() => this.takeTurn())
  private rotation: Member[] = []
  private next = 0
  private lastNumber = 0

  constructor(context: Context, table: Table, outcomes: ProbeOutcomes) {
    this.context = context
    this.table = table
    this.outcomes = outcomes
    // Nodes that start together do not probe together.
    context.after(this.turn, context.random.float() * context.options.probePeriodMs)
  }

  /** A number that no other ping of this node has. */
  newNumber(): number {
    this.lastNumber += 1
    return this.lastNumber
  }

  /** Probes under way of members that are not neighbours. */
  get awayCount(): number {
    let count = 0
    for (const member of this.underWay.values()) if (!member.isNeighbour) count += 1
    return count
  }

  /** Probes `member` out of its turn, if it is not being probed. */
  start(member: Member): void {
    if (this.context.options.alert) this.begin(member)
  }

  private begin(member: Member): void {
    member.probe ??= new Probe(() => this.timeOut(member))
    const { probe } = member
    if (probe.isUnderWay) return
    const { context } = this
    const { options, health } = context
    probe.isHurried = member.hasClosed
    const hurriedMs = Math.max(options.closedProbeMs, this.timeoutMs(member))
    const lengthMs = (probe.isHurried ? hurriedMs : options.probePeriodMs) * health.factor
    probe.isUnderWay = true
    probe.number = this.newNumber()
    probe.sentAt = context.now
    probe.endsAt = bootMs(context.now + lengthMs)
    probe.isIndirect = false
    probe.asked = 0
    probe.nacks = 0
    probe.relayed = undefined
    probe.isAccusing = options.buddy && isAccused(member)
    this.underWay.set(probe.number, member)
    context.emit({
      type: 'send',
      peer: member.peer,
      patienceMs: lengthMs,
      message: {
        type: 'ping',
        number: probe.number,
        incarnation: this.table.self.incarnation,
        ...(probe.isAccusing ? { accused: member.incarnation } : {}),
      },
    })
    context.after(probe.timer, Math.min(this.timeoutMs(member) * health.factor, lengthMs * DIRECT_PART))
  }

  /** The neighbours changed: new ones get a random place in what is left of this round. */
  setNeighbours(neighbours: readonly Member[]): void {
    const left = this.rotation.slice(this.next).filter((member) => member.isNeighbour)
    const known = new Set(this.rotation)
    for (const member of neighbours)
      if (!known.has(member)) left.splice(this.context.random.integer(0, left.length), 0, member)
    const done = this.rotation.slice(0, this.next).filter((member) => member.isNeighbour)
    this.rotation = [...done, ...left]
    this.next = done.length
  }

  acked(member: Member, ack: Ack): void {
    const { probe } = member
    if (probe === undefined || !probe.isUnderWay || probe.number !== ack.number) return
    const sampleMs = this.context.now - probe.sentAt
    if (member.roundTrip === undefined) member.roundTrip = new RoundTrip(sampleMs)
    else member.roundTrip.add(sampleMs)
    this.end(probe)
    this.context.health.improve()
    this.outcomes.answered(member, probe)
  }

  /** @returns whom the answer is about, if somebody was asked for it. */
  relayed({ number, heardDirectly }: Relayed): Member | undefined {
    const member = this.underWay.get(number)
    // The probe goes on: an answer that is only slow is no fault of the link.
    if (member?.probe !== undefined) member.probe.relayed = heardDirectly || member.probe.relayed === true
    return member
  }

  nacked(number: number): void {
    const probe = this.underWay.get(number)?.probe
    if (probe !== undefined) probe.nacks += 1
  }

  /** Forgets what is under way, because this process was not there to hear the answers, and asks again. */
  restart(): void {
    for (const member of [...this.underWay.values()]) {
      if (member.probe !== undefined) this.end(member.probe)
      this.begin(member)
    }
  }

  forget(member: Member): void {
    if (member.probe?.isUnderWay === true) this.end(member.probe)
  }

  private takeTurn(): void {
    const { context } = this
    context.after(this.turn, context.options.probePeriodMs * context.health.factor)
    for (let looks = this.rotation.length; looks > 0; looks -= 1) {
      if (this.next >= this.rotation.length) {
        shuffle(this.rotation, context)
        this.next = 0
      }
      const member = this.rotation[this.next]
      this.next += 1
      if (member === undefined || !member.isThere || member.probe?.isUnderWay === true) continue
      this.begin(member)
      return
    }
  }

  private timeoutMs({ roundTrip }: Member): number {
    const { probeTimeoutMsMin, probeTimeoutMsMax } = this.context.options
    return Math.min(Math.max(roundTrip?.timeoutMs ?? probeTimeoutMsMax, probeTimeoutMsMin), probeTimeoutMsMax)
  }

  private timeOut(member: Member): void {
    const { probe } = member
    if (probe === undefined) return
    if (!probe.isIndirect) {
      probe.isIndirect = true
      this.askOthers(member, probe)
      this.context.agenda.set(probe.timer, probe.endsAt)
      return
    }
    this.end(probe)
    if (probe.relayed !== undefined) {
      this.context.health.improve()
      this.outcomes.answeredOthers(member, probe)
      return
    }
    this.doubtOneself(member, probe)
    this.outcomes.failed(member, probe)
  }

  /** Lifeguard §IV.A: a nack that is missing says something about this node; without anybody to ask, the failure itself does. Once per suspicion. */
  private doubtOneself({ suspicion }: Member, { asked, nacks }: Probe): void {
    if (suspicion?.evidence !== undefined) return
    this.context.health.worsen(asked === 0 ? 1 : Math.max(0, asked - nacks))
  }

  private askOthers(member: Member, probe: Probe): void {
    const { context } = this
    const leftMs = probe.endsAt - context.now
    const message: PingReq = {
      type: 'ping_req',
      number: probe.number,
      target: member.peer,
      patienceMs: leftMs * NACK_PART,
      ...(probe.isAccusing ? { accused: member.incarnation } : {}),
    }
    for (const peer of this.others(member)) {
      probe.asked += 1
      context.emit({ type: 'send', peer, message, patienceMs: 0 })
    }
  }

  /** Some neighbours that are well, as far as one can see, at random. */
  private others(than: Member): PeerId[] {
    const { random, options } = this.context
    const able = this.table.neighbours.filter(
      (member) => member !== than && member.status === 'alive' && member.isConnected,
    )
    const chosen: PeerId[] = []
    // Who is suspected already is probed by all its witnesses each period: one detour each is enough.
    const count =
      than.suspicion?.evidence === undefined ? options.indirectProbes : Math.min(1, options.indirectProbes)
    while (chosen.length < count && able.length > 0) {
      const [one] = able.splice(random.integer(0, able.length - 1), 1)
      if (one !== undefined) chosen.push(one.peer)
    }
    return chosen
  }

  private end(probe: Probe): void {
    probe.isUnderWay = false
    this.underWay.delete(probe.number)
    this.context.agenda.cancel(probe.timer)
  }
}

/** Something is said of it that it may not know. */
function isAccused({ status, suspicion }: Member): boolean {
  return status === 'dead' || suspicion !== undefined
}

function shuffle(members: Member[], { random }: Context): void {
  for (let last = members.length - 1; last > 0; last -= 1) {
    const other = random.integer(0, last)
    const [one, two] = [members[last], members[other]]
    if (one === undefined || two === undefined) continue
    members[last] = two
    members[other] = one
  }
}
