/**
 * A world of members: real cores, simulated everything else, one queue of events. Does what a case tells it to (`cases.ts`) and
 * reports what happened (`facts.ts`); it judges nothing.
 *
 * Beside the simulations of whole nodes, because the questions are others: not whether a promise is ever broken, but how often a
 * healthy member is taken for dead in 10⁵ hours, and what it costs. That needs speed (some microseconds per event), and so numbers in
 * place of objects, and no encoding.
 */
import { type NodeId, type PeerId, present, type Random, unreachable } from '../../src/base/index.ts'
import type {
  MemberRoster,
  MembershipEffect,
  MembershipOptions,
  MemberView,
  StreamMessage,
} from '../../src/membership/index.ts'
import { EventHeap } from './event-heap.ts'
import * as kinds from './event-kinds.ts'
import type { Ending, Facts } from './facts.ts'
import { type Broadcast, Flood } from './flood.ts'
import { Links } from './links.ts'
import { MemberProcess, recordOf } from './member-process.ts'
import { GOSSIP_ENVELOPE_BYTES, gossipBytes, streamBytes } from './message-sizes.ts'
import { type PathQuality, Paths } from './paths.ts'
import { Traffic } from './traffic.ts'

export interface WorldInit {
  readonly nodes: number
  readonly options: MembershipOptions
  /** Whether `hang_up` is obeyed. */
  readonly hangsUp: boolean
  readonly quality: PathQuality
  readonly random: Random
  readonly facts: Facts
}

/** A timer of the runtime goes off up to this much late, on a machine with nothing to do. */
const TIMER_LATE_MS_MAX = 1

export class World {
  readonly nodes: number
  readonly random: Random
  readonly traffic: Traffic
  private readonly heap = new EventHeap()
  private readonly options: MembershipOptions
  private readonly hangsUp: boolean
  private readonly facts: Facts
  private readonly paths: Paths
  private readonly links: Links
  private readonly flood: Flood
  private readonly processes: readonly MemberProcess[]
  private readonly indexOf = new Map<PeerId, number>()
  private readonly roster: MemberRoster
  private trace = 0

  constructor({ nodes, options, hangsUp, quality, random, facts }: WorldInit) {
    const { heap } = this
    this.nodes = nodes
    this.random = random
    this.options = options
    this.hangsUp = hangsUp
    this.facts = facts
    this.traffic = new Traffic(nodes)
    this.paths = new Paths(nodes, quality, random.fork())
    this.processes = Array.from({ length: nodes }, () => new MemberProcess(drawPeer(random), random.fork()))
    this.roster = new Map(this.processes.map(({ peer }, node) => [peer, `node-${node}` as NodeId]))
    for (const [node, { peer }] of this.processes.entries()) this.indexOf.set(peer, node)
    this.links = new Links({
      nodes,
      heap,
      paths: this.paths,
      random: random.fork(),
      answerOf: (node) => {
        const process = this.process(node)
        if (!process.isRunning) return 'refuses'
        return process.isBlocked ? 'silence' : 'accepts'
      },
      lifeOf: (node) => this.process(node).life,
      onEnd: (node, peer, isOpen) => this.flood.endChanged(node, peer, isOpen),
      onSent: (node, message) => this.traffic.sentMessage(node, streamBytes(message)),
    })
    this.flood = new Flood({
      nodes,
      heap,
      links: this.links,
      random: random.fork(),
      onCopy: (from, bytes) => this.traffic.sentCopy(from, bytes, GOSSIP_ENVELOPE_BYTES),
    })
  }

  get now(): number {
    return this.heap.now
  }

  get steps(): number {
    return this.heap.steps
  }

  /** Equal traces: equal runs. */
  get traceHash(): string {
    return (this.trace >>> 0).toString(16).padStart(8, '0')
  }

  get degreeMax(): number {
    return this.links.degreeMax
  }

  /** What is measured is measured from here on. */
  resetMeasures(): void {
    this.traffic.reset()
    this.links.resetDegreeMax()
  }

  run(untilMs: number): void {
    const { heap } = this
    while (heap.next(untilMs)) {
      const { kind, a, b, c, ref } = heap
      this.trace = Math.imul(this.trace ^ (kind + 16 * a + 16_384 * b), 0x01000193) ^ (heap.now * 1024)
      this.happen(kind, a, b, c, ref)
    }
  }

  /** Calls `work` then. */
  stage(atMs: number, work: () => void): void {
    this.heap.at(atMs, kinds.STAGED, 0, 0, 0, work)
  }

  // What a case does to its members.

  start(node: number): void {
    const process = this.process(node)
    if (process.isRunning) return
    this.paths.setNetwork(node, true)
    process.start(this.options, this.roster, this.now)
    this.facts.started(node, process.life, this.now)
    this.changeRecord(node, 0)
  }

  changeRecord(node: number, runningTasks: number): void {
    const process = this.process(node)
    if (process.isBlocked) return
    const record = recordOf(process.peer, `node-${node}`, runningTasks)
    this.perform(node, process.step({ type: 'record', record }, this.now))
  }

  end(node: number, how: Ending): void {
    const process = this.process(node)
    if (!process.isRunning) return
    if (how === 'silent') this.paths.setNetwork(node, false)
    if (how === 'leave') this.perform(node, process.step({ type: 'leave' }, this.now))
    process.end()
    this.links.processEnded(node)
    this.facts.ended(node, how, this.now)
  }

  /** The process stands still (SIGSTOP, no processor, a garbage collection): what comes in waits. */
  block(node: number): void {
    const process = this.process(node)
    if (!process.isRunning || process.isBlocked) return
    process.isBlocked = true
    this.facts.impaired(node, this.now)
  }

  /** Timers come first, as in Node's event loop, and then what has come in, in its order. */
  unblock(node: number): void {
    const process = this.process(node)
    if (!process.isBlocked) return
    process.isBlocked = false
    this.facts.unimpaired(node, this.now)
    if (process.isTimerHeld) this.onTimer(node)
    const { held } = process
    process.held = []
    for (const { kind, a, b, c, ref } of held) this.happen(kind, a, b, c, ref)
  }

  /** The machine sleeps: its process stands still, and its network card hears nothing. */
  sleep(node: number): void {
    if (!this.process(node).isRunning) return
    this.paths.setNetwork(node, false)
    this.block(node)
  }

  wake(node: number): void {
    if (!this.process(node).isRunning) return
    this.paths.setNetwork(node, true)
    this.unblock(node)
  }

  setNetwork(node: number, hasNetwork: boolean): void {
    this.paths.setNetwork(node, hasNetwork)
    if (hasNetwork) this.facts.unimpaired(node, this.now)
    else this.facts.impaired(node, this.now)
  }

  partition(parts: Uint8Array): void {
    for (const [node, part] of parts.entries()) this.paths.setPart(node, part)
    this.facts.partitioned(parts, this.now)
  }

  heal(): void {
    for (let node = 0; node < this.nodes; node += 1) this.paths.setPart(node, 0)
    this.facts.healed(this.now)
  }

  /** In one direction only. */
  cut(from: number, to: number, isCut: boolean): void {
    this.paths.cut(from, to, isCut)
  }

  /** What the core of `node` itself says, for whoever wants to compare. */
  membersOf(node: number): readonly MemberView[] {
    return this.process(node).members()
  }

  private process(node: number): MemberProcess {
    return this.processes[node] as MemberProcess
  }

  private happen(kind: number, a: number, b: number, c: number, ref: unknown): void {
    switch (kind) {
      case kinds.TICK:
        if (this.process(a).life === b) this.onTimerEvent(a)
        return
      case kinds.MESSAGE:
        if (!this.isHeld(b, kind, a, b, c, ref)) this.onMessage(a, b, c, ref as StreamMessage)
        return
      case kinds.GOSSIP:
        if (!this.isHeld(b, kind, a, b, c, ref)) this.onGossip(a, b, c, ref as Broadcast)
        return
      case kinds.CLOSED:
        if (!this.isHeld(a, kind, a, b, c, ref)) this.links.onClosed(a, b, c)
        return
      case kinds.TOLD:
        if (!this.isHeld(a, kind, a, b, c, ref)) this.onTold(a, b, c)
        return
      case kinds.DIAL:
        if (this.process(a).life === c && !this.isHeld(a, kind, a, b, c, ref)) this.links.onDial(a, b)
        return
      case kinds.DIALLED:
        if (this.process(a).life === c && !this.isHeld(a, kind, a, b, c, ref)) this.links.onDialled(a, b)
        return
      case kinds.UNANSWERED:
        if (this.process(a).life === c && !this.isHeld(a, kind, a, b, c, ref)) this.links.onUnanswered(a, b)
        return
      case kinds.IDLE:
        this.links.onIdle(a, b, c)
        return
      case kinds.GIVE_UP:
        this.links.onGiveUp(a, b, c)
        return
      case kinds.MESH:
        this.flood.look(a)
        return
      default:
        ;(ref as () => void)()
    }
  }

  /** Whether it waits until the process goes on. */
  private isHeld(node: number, kind: number, a: number, b: number, c: number, ref: unknown): boolean {
    const process = this.process(node)
    if (process.isBlocked) process.held.push({ kind, a, b, c, ref })
    return process.isBlocked
  }

  private onTimerEvent(node: number): void {
    const process = this.process(node)
    // Another one was arranged for an earlier time, and this is what is left of the former.
    if (process.timerMs !== this.now) return
    if (process.isBlocked) process.isTimerHeld = true
    else this.onTimer(node)
  }

  private onTimer(node: number): void {
    const process = this.process(node)
    process.isTimerHeld = false
    process.timerMs = Number.POSITIVE_INFINITY
    if (process.dueMs() <= this.now) this.perform(node, process.tick(this.now))
    else this.arrangeTimer(node)
  }

  private onMessage(from: number, to: number, connection: number, message: StreamMessage): void {
    if (!this.links.receives(from, to, connection)) return
    const process = this.process(to)
    this.perform(to, process.step({ type: 'message', from: this.process(from).peer, message }, this.now))
  }

  private onGossip(relay: number, to: number, connection: number, broadcast: Broadcast): void {
    if (!this.links.receives(relay, to, connection) || !this.flood.arrived(relay, to, broadcast)) return
    const { authorPeer, message } = broadcast
    this.perform(to, this.process(to).step({ type: 'gossip', from: authorPeer, message }, this.now))
  }

  private onTold(node: number, peerIndex: number, how: number): void {
    const process = this.process(node)
    const { peer } = this.process(peerIndex)
    this.perform(
      node,
      how === 0
        ? process.step({ type: 'connection_opened', peer }, this.now)
        : process.step({ type: 'connection_closed', peer, byPeer: how === 2 }, this.now),
    )
  }

  private perform(node: number, effects: readonly MembershipEffect[]): void {
    for (const effect of effects) this.performOne(node, effect)
    this.arrangeTimer(node)
  }

  private performOne(node: number, effect: MembershipEffect): void {
    switch (effect.type) {
      case 'publish':
        this.flood.publish(node, this.process(node).peer, effect.message, gossipBytes(effect.message))
        return
      case 'send':
        this.links.send(node, this.index(effect.peer), effect.message, effect.patienceMs)
        return
      case 'neighbours':
        this.links.setNeighbours(
          node,
          effect.peers.map((peer) => this.index(peer)),
        )
        return
      case 'hang_up':
        if (this.hangsUp) this.links.hangUp(node, this.index(effect.peer))
        return
      case 'changed':
        if (effect.to !== undefined)
          this.facts.thinks(node, this.index(effect.peer), effect.to, effect.incarnation, this.now)
        return
      case 'record':
      case 'link_fault':
      case 'life':
        return
      default:
        unreachable(effect)
    }
  }

  private arrangeTimer(node: number): void {
    const process = this.process(node)
    if (process.isTimerHeld) return
    const dueMs = process.dueMs()
    if (dueMs >= process.timerMs) return
    process.timerMs = Math.max(dueMs, this.now) + this.random.float() * TIMER_LATE_MS_MAX
    if (Number.isFinite(process.timerMs)) this.heap.at(process.timerMs, kinds.TICK, node, process.life, 0)
  }

  private index(peer: PeerId): number {
    return present(this.indexOf.get(peer), 'a member of this world')
  }
}

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** As long and as random as a real one: sizes and rings depend on it. */
function drawPeer(random: Random): PeerId {
  const chars = Array.from({ length: 44 }, () => BASE58[random.integer(0, BASE58.length - 1)])
  return `12D3KooW${chars.join('')}` as PeerId
}
