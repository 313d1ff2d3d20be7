/**
 * The network as the node sees it: peers that are connected, messages to and from them, gossip.
 *
 * It decides nothing: who is admitted and whom to be connected to is told to it. See `index.ts` for the promises.
 */
import { multiaddr } from '@multiformats/multiaddr'
import {
  assert,
  CodedError,
  InvariantError,
  LIMITS,
  type Logger,
  type PeerId,
  present,
} from '../base/index.ts'
import { AddressWatch } from './address-watch.ts'
import { listenAddress } from './addresses.ts'
import { Connector } from './connector.ts'
import { Counters } from './counters.ts'
import { reasonOf } from './failure.ts'
import { connectionGate } from './gate.ts'
import { Gossip } from './gossip.ts'
import { createHost, type Host } from './host.ts'
import { peerIdOfSeed, privateKeyOfSeed } from './identity.ts'
import type { Link } from './link.ts'
import { endsOf } from './link-ends.ts'
import { LinkKeeper } from './link-keeper.ts'
import { pathOf } from './link-path.ts'
import { LinkTable } from './link-table.ts'
import { locate } from './locate.ts'
import { LogThrottle } from './log-throttle.ts'
import type { MeshNetworkInit } from './mesh-network-init.ts'
import type { LinkFacts, PeerEvent, SendResult } from './peer-facts.ts'
import { PROTOCOLS, type Protocol, protocolName } from './protocols.ts'
import { DEFAULT_SETTINGS, type NetSettings } from './settings.ts'
import { startFailure } from './start-failure.ts'

type MessageHandler = (from: PeerId, message: Uint8Array) => void | Promise<void>
type PeerHandler = (event: PeerEvent) => void
type GossipHandler = (from: PeerId, message: Uint8Array) => void

interface Running {
  readonly host: Host
  readonly gossip: Gossip
}

export class MeshNetwork {
  readonly self: PeerId
  private readonly init: MeshNetworkInit
  private readonly settings: NetSettings
  private readonly logger: Logger
  private readonly throttle: LogThrottle
  private readonly stats = new Counters()
  private readonly links: LinkTable
  private readonly connector: Connector
  private readonly keeper: LinkKeeper
  private readonly addressWatch: AddressWatch
  private readonly facts = new WeakMap<Link, LinkFacts>()
  private readonly messageHandlers = new Map<Protocol, MessageHandler>()
  private readonly peerHandlers: PeerHandler[] = []
  private readonly gossipHandlers: GossipHandler[] = []
  private running: Running | undefined

  /** @throws CodedError `input.invalid` for an address that is no TCP multiaddr. */
  constructor(init: MeshNetworkInit) {
    for (const text of init.listen) listenAddress(text, 'listen address')
    for (const text of init.announce ?? []) listenAddress(text, 'announced address')
    this.init = init
    this.self = peerIdOfSeed(init.privateKeySeed)
    this.settings = { ...DEFAULT_SETTINGS, ...init.settings }
    this.logger = init.logger.child({ room: 'net' })
    this.throttle = new LogThrottle(this.logger, init.clock)
    this.links = this.createLinks()
    this.connector = this.createConnector()
    const { links, settings } = this
    this.keeper = new LinkKeeper({ links, settings, keeps: (peer) => this.connector.keeps(peer) })
    this.addressWatch = new AddressWatch({
      everyMs: settings.addressCheckMs,
      counters: this.stats,
      addresses: () => this.addresses(),
      onChanged: () => void this.running?.host.services.identifyPush.push(),
    })
  }

  get counters(): Readonly<Record<string, number>> {
    return this.stats.values
  }

  /** Addresses that others can dial, each with `/p2p/ID`; empty while the network is not started. */
  addresses(): string[] {
    return this.running?.host.getMultiaddrs().map(String) ?? []
  }

  /**
   * Listens and begins to connect. Each protocol needs its handler by now.
   * @throws CodedError `net.port_in_use`; `input.invalid` when an address is not of this machine; `node.stopping` when it
   * was stopped meanwhile.
   */
  async start(): Promise<void> {
    assert(this.running === undefined, 'the network is not started twice')
    for (const protocol of PROTOCOLS)
      assert(this.messageHandlers.has(protocol), `a handler for ${protocol} is set before the network starts`)
    const { scopeId, listen, announce = [] } = this.init
    const { self, settings, links } = this
    const gate = connectionGate({
      self,
      mayConnect: (peer) => links.mayConnect(peer),
      onRefused: (peer, direction) => this.onRefused(peer, direction),
    })
    const privateKey = privateKeyOfSeed(this.init.privateKeySeed)
    const host = await createHost({ privateKey, scopeId, listen, announce, gate, settings })
    const running = { host, gossip: this.createGossip(host) }
    this.running = running
    try {
      await this.listenTo(host)
      await host.start()
    } catch (failure) {
      await this.stop()
      throw startFailure(failure)
    }
    if (this.running !== running) throw new CodedError('node.stopping')
    running.gossip.start()
    this.connector.start()
    this.keeper.start()
    this.addressWatch.start()
  }

  /** Ends every link, with its `disconnected` event, then the host. Does not throw. */
  async stop(): Promise<void> {
    const { running } = this
    if (running === undefined) return
    this.running = undefined
    this.connector.stop()
    this.keeper.stop()
    this.addressWatch.stop()
    running.gossip.stop()
    this.links.closeAll()
    try {
      await running.host.stop()
    } catch (failure) {
      this.logger.warn({ reason: reasonOf(failure) }, 'the peer network did not stop cleanly')
    }
  }

  /**
   * The peers that can be dialled, with the addresses last known; all of them are neighbours until `setNeighbours` says otherwise.
   * Replaces the former list; who is no longer on it is not dialled any more, but stays connected until
   * `enforceGate`. Addresses that are malformed or name another peer are ignored and counted.
   */
  setPeers(peers: readonly { peer: PeerId; addresses: readonly string[] }[]): void {
    this.connector.setPeers(peers)
  }

  /** The peers to stay connected to; the others on demand only. */
  setNeighbours(peers: readonly PeerId[]): void {
    this.connector.setNeighbours(peers)
  }

  /**
   * Keeps or makes a connection to a peer for the next `forMs`, neighbour or not. What is sent on demand wants its peer by itself.
   * @returns false when it is not known, or too many are wanted.
   */
  want(peer: PeerId, forMs: number): boolean {
    return this.connector.want(peer, forMs)
  }

  /** Connected, or connected to as soon as something is sent. A neighbour without a connection is neither: it is dialled in vain. */
  canReach(peer: PeerId): boolean {
    return this.isConnected(peer) || this.connector.isOnDemand(peer)
  }

  linkOf(peer: PeerId): LinkFacts | undefined {
    const link = this.links.connectedTo(peer)
    return link === undefined ? undefined : this.facts.get(link)
  }

  /** Closes the connections of peers that are no longer admitted. */
  enforceGate(): void {
    this.links.expel()
  }

  /**
   * Ends the connection to a peer that is silent: a link that died without a word (power, cable, a moved address) would
   * otherwise look alive until TCP gives up, which takes minutes. It is dialled again at once.
   */
  hangUp(peer: PeerId): void {
    this.links.giveUp(peer)
  }

  connectedPeers(): PeerId[] {
    return this.links.connected().map(({ peer }) => peer)
  }

  isConnected(peer: PeerId): boolean {
    return this.links.connectedTo(peer) !== undefined
  }

  /**
   * Queues `message` (not empty, not changed afterwards). `queued` is no receipt: what was queued when a stream or
   * connection ends is dropped and counted, so every protocol retries by its own rules. `dialling`: a peer that is no neighbour
   * is being connected to for this; try again when it is.
   * @throws CodedError `net.frame_too_large`.
   */
  send(peer: PeerId, protocol: Protocol, message: Uint8Array): SendResult {
    assert(message.byteLength > 0, 'a message has at least one byte')
    const { messageBytesMax } = this.settings
    if (message.byteLength > messageBytesMax)
      throw new CodedError('net.frame_too_large', { got: message.byteLength, max: messageBytesMax })
    const link = this.links.connectedTo(peer)
    if (link !== undefined) return link.send(protocol, message)
    if (this.connector.isNeighbour(peer)) return 'disconnected'
    return this.connector.want(peer, this.settings.demandMs) ? 'dialling' : 'disconnected'
  }

  /**
   * The one handler of a protocol; set before `start`. Messages of a peer come in order, from its `connected` event on,
   * and without waiting for each other's promises; the sender can send more when they have settled. A handler that
   * throws is logged and counted, and the stream goes on.
   */
  onMessage(protocol: Protocol, handler: MessageHandler): void {
    assert(!this.messageHandlers.has(protocol), `one handler for ${protocol}`)
    this.messageHandlers.set(protocol, handler)
  }

  onPeer(handler: PeerHandler): void {
    this.peerHandlers.push(handler)
  }

  /** Small announcement to every peer of the scope. @throws CodedError `limit.exceeded`; `node.stopping` when not started. */
  async publish(message: Uint8Array): Promise<void> {
    if (this.running === undefined) throw new CodedError('node.stopping')
    await this.running.gossip.publish(message)
  }

  /** `from` is the author, whose signature was checked and who is admitted; not whoever passed it on. */
  onGossip(handler: GossipHandler): void {
    this.gossipHandlers.push(handler)
  }

  /** Where other peers say that `peer` is; empty when nobody knows. Ends with the signal at the latest. */
  async findAddresses(peer: PeerId, { signal }: { signal: AbortSignal }): Promise<string[]> {
    return this.running === undefined ? [] : locate(this.running.host, peer, signal)
  }

  private createLinks(): LinkTable {
    const { scopeId, random, clock, isAdmitted } = this.init
    return new LinkTable({
      scopeId,
      random: random.fork(),
      clock,
      isAdmitted,
      self: this.self,
      settings: this.settings,
      counters: this.stats,
      logger: this.logger,
      deliver: (peer, protocol, message) => this.deliver(peer, protocol, message),
      onConnected: (link) => this.onConnected(link),
      onDisconnected: (peer, byPeer) => this.tellPeer({ type: 'disconnected', peer, byPeer }),
      onGone: (peer, last) => this.connector.onGone(peer, last),
    })
  }

  private createConnector(): Connector {
    return new Connector({
      self: this.self,
      settings: this.settings,
      clock: this.init.clock,
      random: this.init.random.fork(),
      counters: this.stats,
      logger: this.logger,
      hasConnection: (peer) => this.links.has(peer),
      dial: async (_peer, addresses, signal) => {
        await this.running?.host.dial(
          addresses.map((text) => multiaddr(text)),
          { signal },
        )
      },
      findAddresses: (peer, signal) => this.findAddresses(peer, { signal }),
    })
  }

  private createGossip(host: Host): Gossip {
    const { scopeId, clock, isAdmitted } = this.init
    return new Gossip({
      gossipsub: host.services.gossipsub,
      scopeId,
      clock,
      isAdmitted,
      settings: this.settings,
      counters: this.stats,
      links: () => this.links.connected(),
      deliver: (from, message) => this.deliverGossip(from, message),
      identify: (link) => this.identify(link),
      hangUp: (link, reason) => this.links.hangUp(link, 'gossipHangUps', reason),
    })
  }

  private async listenTo(host: Host): Promise<void> {
    host.addEventListener('connection:open', ({ detail }) =>
      this.ifRunning(host, () => this.links.onConnection(detail)),
    )
    host.addEventListener('connection:close', ({ detail }) =>
      this.ifRunning(host, () => this.links.onConnectionClosed(detail)),
    )
    for (const protocol of PROTOCOLS)
      await host.handle(
        protocolName(this.init.scopeId, protocol),
        (stream, connection) => this.ifRunning(host, () => this.links.onStream(protocol, stream, connection)),
        { maxInboundStreams: LIMITS.peerStreamsMax, maxOutboundStreams: LIMITS.peerStreamsMax },
      )
  }

  /** Events of a host that is stopping are of no interest: its links have ended. */
  private ifRunning(host: Host, action: () => void): void {
    if (this.running?.host === host) action()
  }

  private onRefused(peer: string, direction: 'inbound' | 'outbound'): void {
    this.stats.count('connectionsRefused')
    this.throttle.warn(`refused ${direction}`, { peer, direction }, 'a peer that is not admitted was refused')
  }

  private onConnected(link: Link): void {
    const ends = endsOf(link.connection)
    if (ends !== undefined) this.facts.set(link, { path: pathOf(ends), remoteAddress: ends.remote })
    void this.identify(link)
    this.keeper.makeRoom()
    this.tellPeer({ type: 'connected', peer: link.peer })
  }

  /** Makes gossip and Kad-DHT use the connection, and learns where the peer listens now. */
  private async identify({ peer, connection }: Link): Promise<void> {
    const { host } = present(this.running, 'a running host')
    try {
      const { listenAddrs } = await host.services.identify.identify(connection)
      this.connector.learn(peer, listenAddrs.map(String))
    } catch (failure) {
      // Nothing more to do here: without identify gossip has no streams, which its watchdog heals.
      this.stats.count('identifyFailures')
      this.logger.debug({ peer, reason: reasonOf(failure) }, 'identify failed')
    }
  }

  private deliver(peer: PeerId, protocol: Protocol, message: Uint8Array): void | Promise<void> {
    this.stats.count('messagesReceived')
    const handler = present(this.messageHandlers.get(protocol), 'a handler per protocol')
    const failed = (failure: unknown) => this.onHandlerFailure(protocol, failure, peer)
    try {
      return handler(peer, message)?.catch(failed)
    } catch (failure) {
      failed(failure)
    }
  }

  private deliverGossip(from: PeerId, message: Uint8Array): void {
    for (const handler of this.gossipHandlers) {
      try {
        handler(from, message)
      } catch (failure) {
        this.onHandlerFailure('gossip', failure, from)
      }
    }
  }

  private tellPeer(event: PeerEvent): void {
    this.logger.debug({ peer: event.peer }, event.type)
    for (const handler of this.peerHandlers) {
      try {
        handler(event)
      } catch (failure) {
        this.onHandlerFailure('peer event', failure, event.peer)
      }
    }
  }

  private onHandlerFailure(what: string, failure: unknown, peer: PeerId): void {
    if (failure instanceof InvariantError) {
      // Not ours to swallow: out of libp2p's event and into the process, which stops the node.
      queueMicrotask(() => {
        throw failure
      })
    }
    this.stats.count('handlerFailures')
    this.throttle.warn(
      `${what} ${peer}`,
      { peer, what, reason: reasonOf(failure) },
      'a handler of messages failed',
    )
  }
}
