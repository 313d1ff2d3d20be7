/**
 * Connections between nodes in virtual time: who is connected follows from what each side keeps and wants, as with
 * the real network, and gossip goes from peer to peer over the connections that there are.
 */
import type { PeerId } from '../../../src/base/index.ts'
import type { LinkFacts, LinkPath } from '../../../src/net/index.ts'
import type { PeerEvent, SendResult, Transport } from '../../../src/node/ports.ts'
import type { Life, VirtualTime } from './virtual-time.ts'

const LATENCY_MS = 2
const DIAL_MS = 6
const DEMAND_MS = 10_000
const IDLE_MS = 20_000
const LOOK_MS = 5000
const FORWARDED_TO = 5

export class VirtualTransport implements Transport {
  readonly self: PeerId
  readonly life: Life
  private readonly net: VirtualNetwork
  private readonly handlers = new Map<string, (from: PeerId, message: Uint8Array) => void | Promise<void>>()
  private readonly peerHandlers: ((event: PeerEvent) => void)[] = []
  private readonly gossipHandlers: ((from: PeerId, message: Uint8Array) => void)[] = []
  private readonly heard = new Set<number>()
  private readonly wanted = new Map<PeerId, number>()
  private neighbours: ReadonlySet<PeerId> = new Set()

  constructor(self: PeerId, life: Life, net: VirtualNetwork) {
    this.self = self
    this.life = life
    this.net = net
  }

  isConnected(peer: PeerId): boolean {
    return this.net.isOpen(this.self, peer)
  }

  canReach(peer: PeerId): boolean {
    return this.isConnected(peer) || !this.neighbours.has(peer)
  }

  connectedPeers(): readonly PeerId[] {
    return this.net.connectedTo(this.self)
  }

  send(peer: PeerId, protocol: string, message: Uint8Array): SendResult {
    if (this.isConnected(peer)) {
      this.net.send(this.self, peer, (to) => to.handlers.get(protocol)?.(this.self, message))
      return 'queued'
    }
    if (this.neighbours.has(peer)) return 'disconnected'
    this.want(peer, DEMAND_MS)
    return 'dialling'
  }

  setNeighbours(peers: readonly PeerId[]): void {
    this.neighbours = new Set(peers)
    for (const peer of peers) this.net.connectSoon(this.self, peer)
  }

  want(peer: PeerId, forMs: number): boolean {
    this.wanted.set(peer, Math.max(this.wanted.get(peer) ?? 0, this.life.now() + forMs))
    this.net.connectSoon(this.self, peer)
    return true
  }

  keeps(peer: PeerId): boolean {
    return this.neighbours.has(peer) || this.life.now() < (this.wanted.get(peer) ?? 0)
  }

  hangUp(peer: PeerId): void {
    this.net.close(this.self, peer)
  }

  linkOf(peer: PeerId): LinkFacts | undefined {
    return this.isConnected(peer) ? this.net.factsOf(this.self, peer) : undefined
  }

  onMessage(protocol: string, handler: (from: PeerId, message: Uint8Array) => void | Promise<void>): void {
    this.handlers.set(protocol, handler)
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.peerHandlers.push(handler)
  }

  publish(message: Uint8Array): Promise<void> {
    this.passOn(this.self, this.net.nextGossip(), message)
    return Promise.resolve()
  }

  onGossip(handler: (from: PeerId, message: Uint8Array) => void): void {
    this.gossipHandlers.push(handler)
  }

  /** What the network has for this node. */
  tellPeer(event: PeerEvent): void {
    for (const handler of this.peerHandlers) handler(event)
  }

  /** The author tells everybody it is connected to, as the real network does; who passes it on tells some. */
  private passOn(author: PeerId, id: number, message: Uint8Array): void {
    this.heard.add(id)
    const peers = this.connectedPeers()
    const some = Array.from({ length: FORWARDED_TO }, (_, at) => peers[(id + at * 3) % peers.length])
    for (const peer of author === this.self || peers.length <= FORWARDED_TO ? peers : new Set(some))
      if (peer !== undefined) this.net.send(this.self, peer, (to) => to.hear(author, id, message))
  }

  private hear(author: PeerId, id: number, message: Uint8Array): void {
    if (this.heard.has(id)) return
    this.passOn(author, id, message)
    for (const handler of this.gossipHandlers) handler(author, message)
  }
}

interface Connection {
  usedAt: number
}

export class VirtualNetwork {
  /** What handlers threw or rejected with. */
  readonly failures: unknown[] = []
  private readonly time: VirtualTime
  private readonly up = new Map<PeerId, VirtualTransport>()
  private readonly connections = new Map<string, Connection>()
  /** Links that do not exist. */
  private readonly cut = new Set<string>()
  /** Directions in which everything is lost without a word. */
  private readonly mute = new Set<string>()
  private readonly paths = new Map<string, LinkPath>()
  private gossips = 0

  constructor(time: VirtualTime) {
    this.time = time
    time.every(LOOK_MS, () => this.closeIdle())
  }

  /** A process came up. */
  attach(transport: VirtualTransport): void {
    this.up.set(transport.self, transport)
    for (const peer of this.up.keys()) this.connectSoon(peer, transport.self)
  }

  /** A process is gone; its kernel says so to whoever can hear it. */
  detach(self: PeerId): void {
    this.up.delete(self)
    for (const peer of this.up.keys()) this.close(self, peer)
  }

  isOpen(a: PeerId, b: PeerId): boolean {
    return this.connections.has(linkName(a, b))
  }

  connectedTo(self: PeerId): readonly PeerId[] {
    return [...this.up.keys()].filter((peer) => this.isOpen(self, peer))
  }

  factsOf(self: PeerId, peer: PeerId): LinkFacts {
    return { path: this.paths.get(linkName(self, peer)) ?? 'lan', remoteAddress: '10.0.0.1' }
  }

  nextGossip(): number {
    return ++this.gossips
  }

  send(from: PeerId, to: PeerId, work: (to: VirtualTransport) => unknown): void {
    const connection = this.connections.get(linkName(from, to))
    if (connection === undefined) return
    connection.usedAt = this.time.now()
    this.time.after(LATENCY_MS, () => {
      const target = this.up.get(to)
      const isLost = this.connections.get(linkName(from, to)) !== connection || this.mute.has(way(from, to))
      if (target === undefined || isLost) return
      target.life.take(() => this.guarded(() => work(target)))
    })
  }

  connectSoon(a: PeerId, b: PeerId): void {
    if (a === b || this.isOpen(a, b) || !this.isWanted(a, b)) return
    this.time.after(DIAL_MS, () => {
      if (this.isOpen(a, b) || !this.isWanted(a, b) || !this.isPossible(a, b)) return
      this.connections.set(linkName(a, b), { usedAt: this.time.now() })
      this.tell(a, { type: 'connected', peer: b })
      this.tell(b, { type: 'connected', peer: a })
    })
  }

  /** `by` ends the connection; where it is wanted it is made anew. */
  close(by: PeerId, peer: PeerId): void {
    if (!this.connections.delete(linkName(by, peer))) return
    this.tell(by, { type: 'disconnected', peer, byPeer: false })
    this.tell(peer, { type: 'disconnected', peer: by, byPeer: true })
    this.connectSoon(by, peer)
  }

  /** Closes the link between two nodes from outside, or lets it be made. */
  link(a: PeerId, b: PeerId, open: boolean): void {
    const name = linkName(a, b)
    if (open) this.cut.delete(name)
    else this.cut.add(name)
    if (!open && this.connections.delete(name)) {
      this.tell(a, { type: 'disconnected', peer: b, byPeer: true })
      this.tell(b, { type: 'disconnected', peer: a, byPeer: true })
    }
    this.connectSoon(a, b)
  }

  /** What is sent this way is lost, and nobody is told. */
  silence(from: PeerId, to: PeerId): void {
    this.mute.add(way(from, to))
  }

  /** The link is as new, whatever was done to it. */
  restore(a: PeerId, b: PeerId): void {
    const wasMute = [this.mute.delete(way(a, b)), this.mute.delete(way(b, a))].includes(true)
    // What was lost in the silence is lost: a stream does not go on after a gap.
    if (wasMute) this.link(a, b, false)
    this.link(a, b, true)
  }

  setPath(a: PeerId, b: PeerId, path: LinkPath): void {
    this.paths.set(linkName(a, b), path)
  }

  /** A process that was stopped goes on: it can be connected to again. */
  wentOn(self: PeerId): void {
    for (const peer of this.up.keys()) this.connectSoon(self, peer)
  }

  private isWanted(a: PeerId, b: PeerId): boolean {
    return (this.up.get(a)?.keeps(b) || this.up.get(b)?.keeps(a)) ?? false
  }

  private isPossible(a: PeerId, b: PeerId): boolean {
    const answers = (peer: PeerId): boolean => this.up.get(peer)?.life.isStopped === false
    const isMute = this.mute.has(way(a, b)) || this.mute.has(way(b, a))
    return answers(a) && answers(b) && !this.cut.has(linkName(a, b)) && !isMute
  }

  private closeIdle(): void {
    for (const [name, { usedAt }] of [...this.connections]) {
      const [a, b] = name.split('~') as [PeerId, PeerId]
      if (this.time.now() - usedAt > IDLE_MS && !this.isWanted(a, b)) this.close(a, b)
    }
  }

  private tell(self: PeerId, event: PeerEvent): void {
    const transport = this.up.get(self)
    transport?.life.take(() => this.guarded(() => transport.tellPeer(event)))
  }

  private guarded(work: () => unknown): void {
    try {
      const outcome = work()
      if (outcome instanceof Promise) outcome.catch((error: unknown) => this.failures.push(error))
    } catch (error) {
      this.failures.push(error)
    }
  }
}

const linkName = (a: PeerId, b: PeerId): string => [a, b].sort().join('~')
const way = (from: PeerId, to: PeerId): string => `${from}>${to}`
