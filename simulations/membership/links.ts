/**
 * Connections between members as the transport of a node makes them: to neighbours always, dialled again with the connector's
 * back-off; to others when there is something to say, until nothing is said for a while.
 *
 * A connection has two *ends*, and each holds it open until it is told or finds out: a killed process closes its ends, and its
 * kernel tells the others; a machine without power tells nobody, and what is sent to it goes nowhere until a kernel gives up. Whoever
 * sends on a connection that the other side does not know any more is told so (a TCP reset). Times are those of
 * `DEFAULT_SETTINGS` in `src/net/settings.ts`.
 */
import type { Random } from '../../src/base/index.ts'
import type { StreamMessage } from '../../src/membership/index.ts'
import type { EventHeap } from './event-heap.ts'
import { CLOSED, DIAL, DIALLED, GIVE_UP, IDLE, MESSAGE, TOLD, UNANSWERED } from './event-kinds.ts'
import type { Paths } from './paths.ts'

/** How a machine answers who wants to connect: a stopped process, or a sleeping machine, does not. */
export type Answer = 'accepts' | 'refuses' | 'silence'

interface LinksInit {
  readonly nodes: number
  readonly heap: EventHeap
  readonly paths: Paths
  readonly random: Random
  readonly answerOf: (node: number) => Answer
  readonly lifeOf: (node: number) => number
  readonly onEnd: (node: number, peer: number, isOpen: boolean) => void
  readonly onSent: (node: number, message: StreamMessage) => void
}

/** A message that waits for a connection. */
interface Waiting {
  readonly message: StreamMessage
  readonly untilMs: number
}

const ADDRESS_DIAL_TIMEOUT_MS = 1500
const DIAL_GRACE_MS = 1000
const REDIAL_MS = { min: 100, max: 15_000 } as const
const STABLE_MS = 5000
/** TCP, Noise, and the word that the other side has confirmed the link. */
const HANDSHAKE_ROUND_TRIPS = 3
/** A connection on demand is closed when so long nobody has used it. */
const IDLE_MS = 120_000
/** TCP's user timeout, drawn anew each time. */
const GIVE_UP_MS = { min: 20_000, max: 40_000 } as const

/** States of a pair's attempt to connect. */
const RESTS = 0
const PAUSES = 1
const DIALS = 2

/** Third number of `TOLD`. */
const WAS_OPENED = 0
const WAS_CLOSED_HERE = 1
const WAS_CLOSED_BY_PEER = 2

export class Links {
  /** Most connections that one member ever had at once. */
  degreeMax = 0
  private readonly init: LinksInit
  private readonly nodes: number
  /** By end: which connection it holds open; 0: none. */
  private readonly connection: Int32Array
  private readonly isWanted: Uint8Array
  private readonly hasDialled: Uint8Array
  private readonly attempt: Uint8Array
  private readonly failures: Uint8Array
  private readonly givesUp: Uint8Array
  private readonly openedMs: Float64Array
  private readonly usedMs: Float64Array
  private readonly degree: Int32Array
  private readonly waiting = new Map<number, Waiting[]>()
  private connections = 0

  constructor(init: LinksInit) {
    const ends = init.nodes * init.nodes
    this.init = init
    this.nodes = init.nodes
    this.connection = new Int32Array(ends)
    this.isWanted = new Uint8Array(ends)
    this.hasDialled = new Uint8Array(ends)
    this.attempt = new Uint8Array(ends)
    this.failures = new Uint8Array(ends)
    this.givesUp = new Uint8Array(ends)
    this.openedMs = new Float64Array(ends)
    this.usedMs = new Float64Array(ends)
    this.degree = new Int32Array(init.nodes)
  }

  /** The connection that `node` believes to have to `peer`; 0: none. */
  connectionOf(node: number, peer: number): number {
    return this.connection[node * this.nodes + peer] as number
  }

  /** Forgets how many there once were. */
  resetDegreeMax(): void {
    this.degreeMax = this.degree.reduce((most, degree) => Math.max(most, degree), 0)
  }

  setNeighbours(node: number, peers: readonly number[]): void {
    const wanted = new Set(peers)
    for (let peer = 0; peer < this.nodes; peer += 1) {
      const end = node * this.nodes + peer
      const was = this.isWanted[end] === 1
      const is = peer !== node && wanted.has(peer)
      if (was === is) continue
      this.isWanted[end] = is ? 1 : 0
      if (this.connection[end] === 0) {
        if (is) this.pauseBeforeDial(node, peer)
      } else if (!is) this.watchIdle(node, peer)
    }
  }

  /** At once when there is a connection, else when there is one, if that is within `patienceMs`. */
  send(node: number, peer: number, message: StreamMessage, patienceMs: number): void {
    const end = node * this.nodes + peer
    if (this.connection[end] !== 0) {
      this.transmit(node, peer, message)
      return
    }
    if (patienceMs <= 0) return
    const queue = this.waiting.get(end) ?? []
    queue.push({ message, untilMs: this.init.heap.now + patienceMs })
    this.waiting.set(end, queue)
    if (this.attempt[end] !== DIALS) this.dial(node, peer)
  }

  /** Something is to go over the open connection: when it arrives; negative: never. */
  arrivalMs(node: number, peer: number): number {
    const { paths, heap, random } = this.init
    const end = node * this.nodes + peer
    const atMs = paths.arrivalMs(node, peer, heap.now)
    if (this.givesUp[end] === 0 && !paths.isOpenBothWays(node, peer)) {
      this.givesUp[end] = 1
      const afterMs = GIVE_UP_MS.min + random.float() * (GIVE_UP_MS.max - GIVE_UP_MS.min)
      heap.at(heap.now + afterMs, GIVE_UP, node, peer, this.connection[end] as number)
    }
    return atMs
  }

  /** Something arrived at `peer` on this connection. `false`: it knows of none such, and says so. */
  receives(from: number, peer: number, connection: number): boolean {
    if (this.connectionOf(peer, from) === connection) return true
    this.tellClosed(peer, from, connection)
    return false
  }

  hangUp(node: number, peer: number): void {
    const connection = this.connectionOf(node, peer)
    if (connection === 0) return
    this.closeEnd(node, peer, WAS_CLOSED_HERE)
    this.tellClosed(node, peer, connection)
  }

  onClosed(node: number, peer: number, connection: number): void {
    if (this.connectionOf(node, peer) === connection) this.closeEnd(node, peer, WAS_CLOSED_BY_PEER)
  }

  onGiveUp(node: number, peer: number, connection: number): void {
    this.givesUp[node * this.nodes + peer] = 0
    if (this.connectionOf(node, peer) === connection && !this.init.paths.isOpenBothWays(node, peer))
      this.closeEnd(node, peer, WAS_CLOSED_BY_PEER)
  }

  onIdle(node: number, peer: number, connection: number): void {
    const end = node * this.nodes + peer
    if (this.connection[end] !== connection || this.isWanted[end] === 1) return
    const idleAtMs = Math.max(this.usedMs[end] as number, this.openedMs[end] as number) + IDLE_MS
    const { heap } = this.init
    if (idleAtMs <= heap.now) this.hangUp(node, peer)
    else heap.at(idleAtMs, IDLE, node, peer, connection)
  }

  /** The process is gone. Its kernel closes its connections; what reaches the others depends on the network of the machine. */
  processEnded(node: number): void {
    for (let peer = 0; peer < this.nodes; peer += 1) {
      const end = node * this.nodes + peer
      const connection = this.connection[end] as number
      this.isWanted[end] = 0
      this.attempt[end] = RESTS
      this.failures[end] = 0
      this.waiting.delete(end)
      if (connection === 0) continue
      this.connection[end] = 0
      this.init.onEnd(node, peer, false)
      this.tellClosed(node, peer, connection)
    }
    this.degree[node] = 0
  }

  /** The pause is over. */
  onDial(node: number, peer: number): void {
    const end = node * this.nodes + peer
    if (this.attempt[end] === PAUSES) this.attempt[end] = RESTS
    if (this.attempt[end] === RESTS) this.dial(node, peer)
  }

  onDialled(node: number, peer: number): void {
    const { heap, paths, answerOf } = this.init
    const answer = paths.isOpenBothWays(node, peer) ? answerOf(peer) : 'silence'
    switch (answer) {
      case 'accepts':
        this.attempt[node * this.nodes + peer] = RESTS
        this.open(node, peer)
        return
      case 'refuses':
        this.onUnanswered(node, peer)
        return
      case 'silence':
        heap.at(heap.now + ADDRESS_DIAL_TIMEOUT_MS, UNANSWERED, node, peer, this.init.lifeOf(node))
        return
    }
  }

  onUnanswered(node: number, peer: number): void {
    const end = node * this.nodes + peer
    this.attempt[end] = RESTS
    if (this.connection[end] !== 0) return
    this.failures[end] = Math.min(255, (this.failures[end] as number) + 1)
    if (this.isDesired(end)) this.pauseBeforeDial(node, peer)
  }

  private dial(node: number, peer: number): void {
    const { heap, paths, lifeOf } = this.init
    const end = node * this.nodes + peer
    if (this.connection[end] !== 0 || !this.isDesired(end)) return
    this.attempt[end] = DIALS
    let atMs: number = heap.now
    for (let trip = 0; trip < HANDSHAKE_ROUND_TRIPS && atMs >= 0; trip += 1) {
      atMs = paths.signalMs(node, peer, atMs)
      if (atMs >= 0) atMs = paths.signalMs(peer, node, atMs)
    }
    const isInTime = atMs >= 0 && atMs <= heap.now + ADDRESS_DIAL_TIMEOUT_MS
    if (isInTime) heap.at(atMs, DIALLED, node, peer, lifeOf(node))
    else heap.at(heap.now + ADDRESS_DIAL_TIMEOUT_MS, UNANSWERED, node, peer, lifeOf(node))
  }

  private isDesired(end: number): boolean {
    if (this.isWanted[end] === 1) return true
    const alive = this.waiting.get(end)?.filter(({ untilMs }) => untilMs > this.init.heap.now) ?? []
    if (alive.length > 0) this.waiting.set(end, alive)
    else this.waiting.delete(end)
    return alive.length > 0
  }

  private pauseBeforeDial(node: number, peer: number): void {
    const { heap, random, lifeOf } = this.init
    const end = node * this.nodes + peer
    if (this.attempt[end] !== RESTS) return
    this.attempt[end] = PAUSES
    const failures = this.failures[end] as number
    const graceMs = node < peer ? 0 : DIAL_GRACE_MS
    const fullMs = Math.min(REDIAL_MS.max, REDIAL_MS.min * 2 ** Math.max(0, failures - 1))
    const pauseMs =
      failures === 0 ? graceMs * (1 + random.float() / 2) : graceMs + fullMs * (0.5 + random.float() / 2)
    heap.at(heap.now + pauseMs, DIAL, node, peer, lifeOf(node))
  }

  private open(node: number, peer: number): void {
    if (this.connectionOf(node, peer) !== 0) return
    this.connections += 1
    for (const [one, other, hasDialled] of [
      [node, peer, 1],
      [peer, node, 0],
    ] as const) {
      const end = one * this.nodes + other
      // An end that still held an older connection has one throughout: its core has nothing to hear.
      const isFirst = this.connection[end] === 0
      this.connection[end] = this.connections
      this.hasDialled[end] = hasDialled
      this.openedMs[end] = this.init.heap.now
      if (isFirst) this.endOpened(one, other)
    }
    if (this.isWanted[node * this.nodes + peer] === 0) this.watchIdle(node, peer)
    for (const [one, other] of [
      [node, peer],
      [peer, node],
    ] as const) {
      const end = one * this.nodes + other
      const queue = this.waiting.get(end) ?? []
      this.waiting.delete(end)
      for (const { message, untilMs } of queue)
        if (untilMs >= this.init.heap.now) this.transmit(one, other, message)
    }
  }

  private endOpened(node: number, peer: number): void {
    const { heap, onEnd } = this.init
    this.degree[node] = (this.degree[node] as number) + 1
    this.degreeMax = Math.max(this.degreeMax, this.degree[node] as number)
    onEnd(node, peer, true)
    heap.at(heap.now, TOLD, node, peer, WAS_OPENED)
  }

  private closeEnd(node: number, peer: number, how: number): void {
    const { heap, onEnd } = this.init
    const end = node * this.nodes + peer
    const livedMs = heap.now - (this.openedMs[end] as number)
    this.connection[end] = 0
    this.degree[node] = (this.degree[node] as number) - 1
    this.failures[end] = livedMs >= STABLE_MS ? 0 : Math.min(255, (this.failures[end] as number) + 1)
    onEnd(node, peer, false)
    heap.at(heap.now, TOLD, node, peer, how)
    if (this.isDesired(end)) this.pauseBeforeDial(node, peer)
  }

  private transmit(node: number, peer: number, message: StreamMessage): void {
    const { heap } = this.init
    const end = node * this.nodes + peer
    this.usedMs[end] = heap.now
    this.init.onSent(node, message)
    const atMs = this.arrivalMs(node, peer)
    if (atMs >= 0) heap.at(atMs, MESSAGE, node, peer, this.connection[end] as number, message)
  }

  /** The kernel of `node` says to `peer` that this connection is over, if the network lets it. */
  private tellClosed(node: number, peer: number, connection: number): void {
    const { heap, paths } = this.init
    const atMs = paths.signalMs(node, peer, heap.now)
    if (atMs >= 0) heap.at(atMs, CLOSED, peer, node, connection)
  }

  /** Who dialled closes what it does not want any more; the other side may still want it, and dials then. */
  private watchIdle(node: number, peer: number): void {
    const end = node * this.nodes + peer
    const { heap } = this.init
    if (this.hasDialled[end] === 1)
      heap.at(heap.now + IDLE_MS, IDLE, node, peer, this.connection[end] as number)
  }
}
