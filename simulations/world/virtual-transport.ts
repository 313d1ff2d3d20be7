import type { PeerId } from '../../src/base/index.ts'
import type { PeerEvent, SendResult, Transport } from '../../src/node/index.ts'
import type { Network } from './network.ts'
import type { VirtualProcess } from './virtual-process.ts'

type MessageHandler = Parameters<Transport['onMessage']>[1]

/**
 * The network as one life of a node sees it. After the end of that life it does nothing. The worlds are small: all are
 * neighbours of all, as with the real network up to 32 machines, and nothing is connected to on demand.
 */
export class VirtualTransport implements Transport {
  readonly self: PeerId
  private readonly network: Network
  private readonly process: VirtualProcess
  private neighbours: ReadonlySet<PeerId> = new Set()
  private readonly handlers = new Map<string, MessageHandler>()
  private readonly peerHandlers: ((event: PeerEvent) => void)[] = []
  private readonly gossipHandlers: ((from: PeerId, message: Uint8Array) => void)[] = []
  /** Told of each message about tasks, right before it leaves. */
  onTaskMessage: (to: PeerId, message: Uint8Array) => void = () => undefined

  constructor(self: PeerId, network: Network, process: VirtualProcess) {
    this.self = self
    this.network = network
    this.process = process
  }

  isConnected(peer: PeerId): boolean {
    return !this.process.isOver && this.network.endAt(this.self, peer) !== undefined
  }

  canReach(peer: PeerId): boolean {
    return this.isConnected(peer)
  }

  setNeighbours(peers: readonly PeerId[]): void {
    this.neighbours = new Set(peers)
  }

  want(peer: PeerId): boolean {
    return this.neighbours.has(peer)
  }

  linkOf(): undefined {
    // The paths of a world have no addresses.
    return undefined
  }

  connectedPeers(): readonly PeerId[] {
    return this.process.isOver ? [] : this.network.connectedPeers(this.self)
  }

  send(peer: PeerId, protocol: string, message: Uint8Array): SendResult {
    const end = this.process.isOver ? undefined : this.network.endAt(this.self, peer)
    if (end === undefined) return 'disconnected'
    const stream = end.stream(protocol)
    if (stream.isFull) return 'full'
    if (protocol === 'task') this.onTaskMessage(peer, message)
    stream.send(message)
    return 'queued'
  }

  hangUp(peer: PeerId): void {
    if (!this.process.isOver) this.network.hangUp(this.self, peer)
  }

  onMessage(protocol: string, handler: MessageHandler): void {
    this.handlers.set(protocol, handler)
  }

  onPeer(handler: (event: PeerEvent) => void): void {
    this.peerHandlers.push(handler)
  }

  publish(message: Uint8Array): Promise<void> {
    if (!this.process.isOver) this.network.publish(this.self, message)
    return Promise.resolve()
  }

  onGossip(handler: (from: PeerId, message: Uint8Array) => void): void {
    this.gossipHandlers.push(handler)
  }

  // What the network has for this node.

  tellPeer(event: PeerEvent): void {
    for (const handler of this.peerHandlers) handler(event)
  }

  deliver(from: PeerId, protocol: string, message: Uint8Array): void | Promise<void> {
    return this.handlers.get(protocol)?.(from, message)
  }

  deliverGossip(from: PeerId, message: Uint8Array): void {
    for (const handler of this.gossipHandlers) handler(from, message)
  }
}
