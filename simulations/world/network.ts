/**
 * The network between the machines: paths with their faults below, one connection per pair of machines above, as TCP would
 * make it of them.
 *
 * A *path* is directed and loses nothing by itself: what a blocked path swallows is repeated by TCP, so it arrives late, in
 * order, or not at all because one end gave the connection up. A *connection* is what each end believes: one end may
 * have been told that it is closed while the other has not. Ends dial again, as the real connector does. What was
 * under way when a connection died is lost, but for a prefix of each stream that had already arrived.
 *
 * Rejected: packets. Nothing above a stream can tell a lost packet from a slow one.
 */
import { type PeerId, present, type Random } from '../../src/base/index.ts'
import type { PeerEvent } from '../../src/node/index.ts'
import { Connection, type End } from './connection.ts'
import type { EventQueue } from './event-queue.ts'
import { Path, type PathQuality } from './path.ts'

/** Where a connection ends: a machine as the network sees it. */
export interface Endpoint {
  readonly peer: PeerId
  /** A process listens there. */
  readonly isUp: boolean
  /** Which process: 1, 2, 3, … */
  readonly life: number
  /** The machine is awake: its network card answers. */
  readonly isAwake: boolean
  isAdmitted(peer: PeerId): boolean
  /** Hands over to the process: at once, or when it goes on. */
  take(work: () => void): void
  tellPeer(event: PeerEvent): void
  deliver(from: PeerId, protocol: string, bytes: Uint8Array): void | Promise<void>
  deliverGossip(from: PeerId, bytes: Uint8Array): void
}

/** Between two tries to connect. */
const DIAL_AFTER_MS = { min: 20, max: 400 } as const
/** TCP gives up a peer from which nothing comes (user timeout, keep-alive), drawn per silence. */
const GIVE_UP_AFTER_MS = { min: 6000, max: 20_000 } as const
const GOSSIP_HOPS_MAX = 3

export class Network {
  readonly queue: EventQueue
  readonly random: Random
  private readonly quality: PathQuality
  private readonly endpoints: Endpoint[] = []
  private readonly paths = new Map<string, Path>()
  /** By the pair of peers, in the order in which the machines came. */
  private readonly connections = new Map<string, Connection>()
  private readonly dialling = new Set<string>()

  constructor(queue: EventQueue, random: Random, quality: PathQuality) {
    this.queue = queue
    this.random = random
    this.quality = quality
  }

  add(endpoint: Endpoint): void {
    for (const other of this.endpoints) {
      for (const [from, to] of [
        [endpoint, other],
        [other, endpoint],
      ] as const) {
        const path = new Path(this.quality, this.random.fork())
        this.paths.set(pathName(from.peer, to.peer), path)
      }
    }
    this.endpoints.push(endpoint)
  }

  path(from: PeerId, to: PeerId): Path {
    return present(this.paths.get(pathName(from, to)), 'a path between two machines')
  }

  /** The end at `self` of a connection to `peer` that it takes for open. */
  endAt(self: PeerId, peer: PeerId): End | undefined {
    const end = this.connections.get(pairName(self, peer))?.endAt(self)
    return end?.isOpen ? end : undefined
  }

  connectedPeers(self: PeerId): readonly PeerId[] {
    return this.endpoints.map(({ peer }) => peer).filter((peer) => this.endAt(self, peer) !== undefined)
  }

  /** A process came up at the machine: it dials everybody, and is dialled. */
  cameUp(self: PeerId): void {
    for (const { peer } of this.endpoints) if (peer !== self) this.dialSoon(self, peer)
  }

  /** The process is gone: its kernel says so to whoever can hear it. With the power gone, nobody says anything. */
  wentDown(self: PeerId, isSilent: boolean): void {
    for (const { peer } of this.endpoints) {
      const connection = this.connections.get(pairName(self, peer))
      if (peer === self || connection === undefined) continue
      connection.endAt(self).close()
      if (isSilent) this.giveUpLater(connection, peer)
      else this.tellLater(connection, peer)
    }
  }

  /** One end gives the connection up. */
  hangUp(self: PeerId, peer: PeerId): void {
    const connection = this.connections.get(pairName(self, peer))
    // Not within the caller's own step.
    if (connection !== undefined) this.queue.after(0, () => this.closeEnd(connection, self, false))
  }

  /** Everything under way between the two is lost; each end is told, not at the same time. */
  reset(a: PeerId, b: PeerId): void {
    const connection = this.connections.get(pairName(a, b))
    if (connection === undefined) return
    connection.lose(this.random)
    for (const self of [a, b])
      this.queue.after(this.random.integer(0, 200), () => this.closeEnd(connection, self))
  }

  /** The path swallows everything until the returned function is called. */
  block(from: PeerId, to: PeerId): () => void {
    const path = this.path(from, to)
    path.block()
    const connection = this.connections.get(pairName(from, to))
    // Whoever sends into the void gives up after a while, and so does who waits for an answer.
    if (connection !== undefined) for (const self of [from, to]) this.giveUpLater(connection, self)
    return () => {
      path.unblock()
      this.flow(from, to)
    }
  }

  /** The machine woke up: its peers may have given it up meanwhile; what waited for it comes in. */
  wokeUp(self: PeerId): void {
    for (const { peer } of this.endpoints) {
      if (peer === self) continue
      this.flow(peer, self)
      this.flow(self, peer)
    }
  }

  /** The machine fell asleep: nothing comes from it, nothing is taken by it. */
  fellAsleep(self: PeerId): void {
    for (const { peer } of this.endpoints) {
      const connection = this.connections.get(pairName(self, peer))
      if (peer !== self && connection !== undefined) this.giveUpLater(connection, peer)
    }
  }

  /** Gossip finds its way over every connection there is, in no order; some of it comes twice and some not at all. */
  publish(self: PeerId, bytes: Uint8Array): void {
    const heard = new Set([self])
    let edge: { peer: PeerId; delayMs: number }[] = [{ peer: self, delayMs: 0 }]
    for (let hop = 0; hop < GOSSIP_HOPS_MAX && edge.length > 0; hop++) {
      const next: typeof edge = []
      for (const { peer: via, delayMs } of edge) {
        for (const { peer } of this.endpoints) {
          if (heard.has(peer) || this.endAt(via, peer) === undefined || !this.passes(via, peer)) continue
          const path = this.path(via, peer)
          const at = delayMs + path.delayMs()
          heard.add(peer)
          next.push({ peer, delayMs: at })
          for (let copy = path.gossipCopies(); copy > 0; copy--) this.gossip(self, peer, bytes, at * copy)
        }
      }
      edge = next
    }
  }

  private gossip(from: PeerId, to: PeerId, bytes: Uint8Array, delayMs: number): void {
    const target = this.endpoint(to)
    this.queue.after(delayMs, () => {
      if (target.isUp && target.isAwake) target.take(() => target.deliverGossip(from, bytes))
    })
  }

  /** Whether what leaves `from` reaches `to` now. */
  passes(from: PeerId, to: PeerId): boolean {
    return this.endpoint(from).isAwake && this.endpoint(to).isAwake && !this.path(from, to).isBlocked
  }

  endpoint(peer: PeerId): Endpoint {
    return present(
      this.endpoints.find((endpoint) => endpoint.peer === peer),
      'a machine of this world',
    )
  }

  /** What waited on a path that is open again comes in, in order. */
  private flow(from: PeerId, to: PeerId): void {
    if (!this.passes(from, to)) return
    const connection = this.connections.get(pairName(from, to))
    connection?.flow(from)
    // A kernel answers what belongs to no connection of its own: the other end learns that it is closed.
    if (connection?.endAt(from).isClosed) this.tellLater(connection, to)
  }

  /** @param byPeer whether the other side or the network ended it, as this end sees it. */
  private closeEnd(connection: Connection, self: PeerId, byPeer = true): void {
    const end = connection.endAt(self)
    if (end.isClosed) return
    const wasOpen = end.isOpen
    end.close()
    const endpoint = this.endpoint(self)
    if (wasOpen) endpoint.take(() => endpoint.tellPeer({ type: 'disconnected', peer: end.peer, byPeer }))
    this.tellLater(connection, end.peer)
    this.dialSoon(self, end.peer)
  }

  /** The other end hears that this connection is closed, if it can hear. */
  private tellLater(connection: Connection, self: PeerId): void {
    const other = connection.endAt(self).peer
    this.queue.after(this.path(other, self).delayMs(), () => {
      // Else it hears it when the path opens, or gives up by itself.
      if (this.passes(other, self)) this.closeEnd(connection, self)
      else this.giveUpLater(connection, self)
    })
  }

  private giveUpLater(connection: Connection, self: PeerId): void {
    const { peer } = connection.endAt(self)
    const { min, max } = GIVE_UP_AFTER_MS
    this.queue.after(this.random.integer(min, max), () => {
      const isWell = this.passes(self, peer) && this.passes(peer, self) && !connection.endAt(peer).isClosed
      if (!isWell && this.endpoint(self).isAwake) this.closeEnd(connection, self)
    })
  }

  private dialSoon(a: PeerId, b: PeerId): void {
    const name = pairName(a, b)
    if (this.dialling.has(name)) return
    this.dialling.add(name)
    const { min, max } = DIAL_AFTER_MS
    this.queue.after(this.random.integer(min, max), () => {
      this.dialling.delete(name)
      this.dial(a, b)
    })
  }

  private dial(a: PeerId, b: PeerId): void {
    const [one, other] = [this.endpoint(a), this.endpoint(b)]
    const connection = this.connections.get(pairName(a, b))
    if (connection !== undefined && !connection.endAt(a).isClosed && !connection.endAt(b).isClosed) return
    // A process that is not there dials when it comes up.
    if (!one.isUp || !other.isUp) return
    const isPossible =
      this.passes(a, b) &&
      this.passes(b, a) &&
      one.isAdmitted(b) &&
      other.isAdmitted(a) &&
      !this.path(a, b).isCut
    if (!isPossible) return this.dialSoon(a, b)
    this.connect(one, other)
  }

  private connect(one: Endpoint, other: Endpoint): void {
    const name = pairName(one.peer, other.peer)
    const old = this.connections.get(name)
    const connection = new Connection(this, one.peer, other.peer)
    this.connections.set(name, connection)
    for (const [self, peer] of [
      [one, other.peer],
      [other, one.peer],
    ] as const) {
      const wasOpen = old?.endAt(self.peer).isOpen ?? false
      old?.endAt(self.peer).close()
      // Each end knows of the connection at its own time; nothing comes in over it before.
      this.queue.after(this.path(peer, self.peer).delayMs(), () =>
        self.take(() => {
          if (wasOpen) self.tellPeer({ type: 'disconnected', peer, byPeer: false })
          if (!connection.endAt(self.peer).open()) return
          self.tellPeer({ type: 'connected', peer })
          connection.flow(peer)
        }),
      )
    }
  }
}

const pathName = (from: PeerId, to: PeerId): string => `${from}>${to}`
const pairName = (a: PeerId, b: PeerId): string => (a < b ? `${a}~${b}` : `${b}~${a}`)
