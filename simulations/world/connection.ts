/**
 * One connection between two machines: two ends, each with its own belief, and one stream per direction and protocol. A stream
 * keeps order and loses nothing while the connection lives; streams overtake each other.
 */
import { LIMITS, type PeerId, type Random } from '../../src/base/index.ts'
import type { Network } from './network.ts'

/** A repetition by TCP comes so much later than the path became passable. */
const REPEATED_AFTER_MS_MAX = 300
/** Of what is under way when a connection breaks, some streams bring a part in, and some even after their end was told. */
const SURVIVING_PART = 0.5
const BELATED_PART = 0.3

interface Message {
  readonly bytes: Uint8Array
  lost: boolean
  /** Was read before the connection broke: delivered even when the end has been told. */
  belated: boolean
}

export class End {
  readonly self: PeerId
  readonly peer: PeerId
  /** Of the process to which this end belongs: the next one knows nothing of it. */
  readonly life: number
  private state: 'opening' | 'open' | 'closed' = 'opening'
  private readonly streams = new Map<string, Stream>()
  private readonly connection: Connection

  constructor(connection: Connection, self: PeerId, peer: PeerId) {
    this.connection = connection
    this.self = self
    this.peer = peer
    this.life = connection.network.endpoint(self).life
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  get isClosed(): boolean {
    return this.state === 'closed'
  }

  /** @returns whether the connection is still there. */
  open(): boolean {
    if (this.state === 'opening') this.state = 'open'
    return this.isOpen
  }

  close(): void {
    this.state = 'closed'
  }

  stream(protocol: string): Stream {
    let stream = this.streams.get(protocol)
    if (stream === undefined) {
      stream = new Stream(this.connection, this, protocol)
      this.streams.set(protocol, stream)
    }
    return stream
  }

  allStreams(): Iterable<Stream> {
    return this.streams.values()
  }
}

export class Connection {
  readonly network: Network
  private readonly ends: readonly [End, End]
  private isBroken = false

  constructor(network: Network, a: PeerId, b: PeerId) {
    this.network = network
    this.ends = [new End(this, a, b), new End(this, b, a)]
  }

  endAt(self: PeerId): End {
    return this.ends[0].self === self ? this.ends[0] : this.ends[1]
  }

  /** The path from `from` is passable: what waited on it comes in. */
  flow(from: PeerId): void {
    for (const stream of this.endAt(from).allStreams()) stream.flow()
  }

  /** The connection broke: an end that was not told yet sends into the void. A stream has no holes. */
  get losesAll(): boolean {
    return this.isBroken
  }

  /** The connection breaks: of what is under way, at most a prefix of each stream arrives. */
  lose(random: Random): void {
    this.isBroken = true
    for (const end of this.ends) for (const stream of end.allStreams()) stream.lose(random)
  }
}

export class Stream {
  private readonly connection: Connection
  private readonly from: End
  private readonly protocol: string
  /** Not yet handed over, in order. */
  private readonly underway: Message[] = []
  /** Arrived, and waiting for the path, for a stalled stream or for those before it. */
  private readonly held: Message[] = []
  private lastArrivalMs = 0
  private stalls = 0
  private releasing = false
  /** Sent, and its handler has not settled: what the receiver has given no credit for. */
  private unfinished = 0
  private unfinishedMax: number = LIMITS.peerQueueMessagesMax

  constructor(connection: Connection, from: End, protocol: string) {
    this.connection = connection
    this.from = from
    this.protocol = protocol
  }

  /** The receiver gives no more credit. */
  get isFull(): boolean {
    return this.unfinished >= this.unfinishedMax
  }

  send(bytes: Uint8Array): void {
    const { network } = this.connection
    const { queue } = network
    const message: Message = { bytes, lost: this.connection.losesAll, belated: false }
    this.unfinished += 1
    this.underway.push(message)
    const delayMs = network.path(this.from.self, this.from.peer).delayMs()
    this.lastArrivalMs = Math.max(this.lastArrivalMs, queue.nowMs + delayMs)
    queue.after(this.lastArrivalMs - queue.nowMs, () => this.arrive(message))
  }

  /** Head-of-line blocking: nothing of this stream arrives, while others do, until the returned function is called. */
  stall(): () => void {
    this.stalls += 1
    return () => {
      this.stalls -= 1
      this.flow()
    }
  }

  /** The receiver gives credit for so many messages only, until the returned function is called. */
  congest(messages: number): () => void {
    this.unfinishedMax = messages
    return () => {
      this.unfinishedMax = LIMITS.peerQueueMessagesMax
    }
  }

  flow(): void {
    if (this.releasing || this.held.length === 0 || this.isHeldUp) return
    this.releasing = true
    const { queue, random } = this.connection.network
    queue.after(random.integer(0, REPEATED_AFTER_MS_MAX), () => this.release())
  }

  lose(random: Random): void {
    const survives = random.float() < SURVIVING_PART
    const belated = random.float() < BELATED_PART
    const kept = survives ? random.integer(0, this.underway.length) : 0
    for (const [at, message] of this.underway.entries()) {
      if (at < kept) message.belated = belated
      else message.lost = true
    }
  }

  private get isHeldUp(): boolean {
    const { network } = this.connection
    const { self, peer } = this.from
    const target = this.connection.endAt(peer)
    const isOpening = !target.isOpen && !target.isClosed
    return isOpening || this.stalls > 0 || !network.passes(self, peer)
  }

  private arrive(message: Message): void {
    if (this.held.length > 0 || this.isHeldUp) this.held.push(message)
    else this.handOver(message)
  }

  /** One after another, each to its end before the next; what arrives meanwhile comes after them. */
  private release(): void {
    const message = this.held[0]
    this.releasing = message !== undefined && !this.isHeldUp
    if (message === undefined || !this.releasing) return
    this.handOver(message)
    this.connection.network.queue.after(0, () => {
      this.held.shift()
      this.release()
    })
  }

  private handOver(message: Message): void {
    this.underway.shift()
    const { self, peer } = this.from
    const target = this.connection.network.endpoint(peer)
    const end = this.connection.endAt(peer)
    if (message.lost || target.life !== end.life) return
    target.take(() => {
      if (!end.isOpen && !message.belated) return
      const handled = target.deliver(self, this.protocol, message.bytes)
      if (handled === undefined) this.finished()
      else void handled.then(() => this.finished())
    })
  }

  private finished(): void {
    this.unfinished -= 1
  }
}
