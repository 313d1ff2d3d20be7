/**
 * Every connection of the node, and the one link per peer that is in use.
 *
 * libp2p says which connections exist; this table chooses (or lets the other side choose, see arbitration.ts), closes
 * the rest, and tells the node about peers: `connected` once a link is confirmed, `disconnected` when it ends.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { type BootMs, type Clock, CodedError, type PeerId } from '../base/index.ts'
import { AbuseLedger } from './abuse-ledger.ts'
import { isChooser, replaces } from './arbitration.ts'
import type { CounterName } from './counters.ts'
import { peerIdOf } from './identity.ts'
import { Link, type LinkDeps, type Violation } from './link.ts'
import { PROTOCOLS, type Protocol } from './protocols.ts'
import { ReceiveWindow } from './receive-window.ts'

interface LinkTableInit
  extends Pick<LinkDeps, 'scopeId' | 'settings' | 'random' | 'counters' | 'logger' | 'deliver'> {
  readonly self: PeerId
  readonly clock: Clock
  readonly isAdmitted: (peer: PeerId) => boolean
  readonly onConnected: (link: Link) => void
  /** `byPeer`: the other side or the network ended it, not this node. */
  readonly onDisconnected: (peer: PeerId, byPeer: boolean) => void
  /** No connection to `peer` is left, confirmed or not. */
  readonly onGone: (peer: PeerId, last: LastLink) => void
}

/** How the last connection to a peer was, and went. */
export interface LastLink {
  /** How long it was confirmed; 0 if it never was. */
  readonly livedMs: number
  readonly byPeer: boolean
}

interface Entry {
  readonly link: Link
  readonly openedAt: BootMs
  connectedAt: BootMs | undefined
}

/** A connection that waits for the other side to choose it. */
interface Waiting {
  readonly connection: Connection
  readonly timer: NodeJS.Timeout
}

export class LinkTable {
  readonly abuse: AbuseLedger
  private readonly init: LinkTableInit
  private readonly entries = new Map<PeerId, Entry>()
  private readonly waiting = new Map<PeerId, Waiting[]>()
  private readonly windows = new Map<string, ReceiveWindow>()

  constructor(init: LinkTableInit) {
    this.init = init
    this.abuse = new AbuseLedger(init.settings)
  }

  connected(): Link[] {
    return [...this.entries.values()].map(({ link }) => link).filter((link) => link.isConnected)
  }

  connectedTo(peer: PeerId): Link | undefined {
    const link = this.entries.get(peer)?.link
    return link?.isConnected ? link : undefined
  }

  connectedForMs(peer: PeerId): number {
    const connectedAt = this.entries.get(peer)?.connectedAt
    return connectedAt === undefined ? 0 : this.init.clock.now() - connectedAt
  }

  /** Whether there is any connection, confirmed or not. */
  has(peer: PeerId): boolean {
    return this.entries.has(peer) || this.waiting.has(peer)
  }

  mayConnect(peer: PeerId): boolean {
    return this.init.isAdmitted(peer) && !this.abuse.isBarred(peer, this.init.clock.now())
  }

  onConnection(connection: Connection): void {
    const peer = peerIdOf(connection.remotePeer)
    if (peer === undefined || !this.mayConnect(peer)) {
      refuse(connection, 'the peer is not admitted')
      return
    }
    if (connection.status !== 'open') return
    if (!isChooser(this.init.self, peer)) this.await(peer, connection)
    else if (this.prefers(peer, connection.direction)) this.use(peer, connection)
    else this.drop(connection)
  }

  onConnectionClosed(connection: Connection): void {
    const peer = peerIdOf(connection.remotePeer)
    if (peer === undefined) return
    const wasAwaited = this.stopAwaiting(peer, connection)
    const entry = this.entries.get(peer)
    // What this node ends itself is taken out of the table before it closes. (libp2p's own "local" flag is no help: a reset
    // by the other side counts as local there.)
    if (entry?.link.connection === connection) this.end(entry, 'it closed', true)
    else if (wasAwaited && !this.has(peer)) this.init.onGone(peer, { livedMs: 0, byPeer: true })
  }

  onStream(protocol: Protocol, stream: Stream, connection: Connection): void {
    const peer = peerIdOf(connection.remotePeer)
    if (peer === undefined || !this.mayConnect(peer)) {
      refuse(connection, 'the peer is not admitted')
      return
    }
    if (connection.status !== 'open') return
    const isInUse = this.entries.get(peer)?.link.connection === connection
    if (!isInUse) {
      if (isChooser(this.init.self, peer)) {
        stream.abort(
          new CodedError('operation.cancelled', { what: 'a stream on a connection that is not used' }),
        )
        return
      }
      this.use(peer, connection)
    }
    this.entries.get(peer)?.link.accept(protocol, stream)
  }

  /** Closes the link and counts why; the connector then dials anew. */
  hangUp(link: Link, why: CounterName, reason: string): void {
    const entry = this.entries.get(link.peer)
    if (entry?.link !== link) return
    this.init.counters.count(why)
    this.init.logger.info({ peer: link.peer, reason }, 'hanging up')
    this.end(entry, reason, false)
  }

  /** Closes a link that nobody uses. */
  retire(link: Link, why: CounterName): void {
    const entry = this.entries.get(link.peer)
    if (entry?.link !== link) return
    this.init.counters.count(why)
    this.end(entry, 'nobody uses it', false)
  }

  /** Ends the link to a peer that does not answer any more; whoever of the two can be reached again dials anew. */
  giveUp(peer: PeerId): void {
    const entry = this.entries.get(peer)
    if (entry !== undefined) this.hangUp(entry.link, 'linksHungUp', 'the peer does not answer')
  }

  /** Ends what belongs to peers that may no longer connect. */
  expel(): void {
    this.abuse.keepOnly(this.init.isAdmitted)
    for (const [peer, { link }] of this.entries)
      if (!this.init.isAdmitted(peer)) this.hangUp(link, 'linksExpelled', 'the peer is no longer admitted')
    for (const [peer, connections] of this.waiting) {
      if (this.init.isAdmitted(peer)) continue
      for (const { connection } of [...connections]) refuse(connection, 'the peer is no longer admitted')
    }
  }

  /** Ends every link; the connections are left for libp2p to close, so that what was written still goes out. */
  closeAll(): void {
    for (const [peer, { link }] of this.entries) {
      const wasConnected = link.isConnected
      link.close('the node stops')
      if (wasConnected) this.init.onDisconnected(peer, false)
    }
    this.entries.clear()
    for (const connections of this.waiting.values()) for (const { timer } of connections) clearTimeout(timer)
    this.waiting.clear()
  }

  private prefers(peer: PeerId, direction: 'inbound' | 'outbound'): boolean {
    const entry = this.entries.get(peer)
    if (entry === undefined) return true
    const { connection } = entry.link
    const inUse = {
      direction: connection.direction,
      isOpen: connection.status === 'open',
      ageMs: this.init.clock.now() - entry.openedAt,
    }
    return replaces(inUse, direction, this.init.settings.simultaneousMs)
  }

  /** Makes `connection` the one in use. What was in use or waited ends. */
  private use(peer: PeerId, connection: Connection): void {
    const former = this.entries.get(peer)
    const now = this.init.clock.now()
    const link = new Link(peer, connection, this.linkDeps())
    this.entries.set(peer, { link, openedAt: now, connectedAt: undefined })
    if (former !== undefined) {
      this.init.counters.count('duplicatesClosed')
      this.close(former, 'another connection is used', false)
    }
    for (const { connection: other } of [...(this.waiting.get(peer) ?? [])]) {
      this.stopAwaiting(peer, other)
      if (other !== connection) this.drop(other)
    }
    link.open()
  }

  private linkDeps(): LinkDeps {
    const { scopeId, settings, random, counters, logger, deliver } = this.init
    return {
      scopeId,
      settings,
      random,
      counters,
      logger,
      deliver,
      windowOf: (peer, protocol) => this.windowOf(peer, protocol),
      onConnected: (link) => this.onLinkConnected(link),
      onViolation: (link, protocol, violation) => this.onViolation(link, protocol, violation),
      onHopeless: (link, why, reason) => this.hangUp(link, why, reason),
    }
  }

  private onLinkConnected(link: Link): void {
    const entry = this.entries.get(link.peer)
    if (entry?.link !== link) return
    entry.connectedAt = this.init.clock.now()
    this.init.onConnected(link)
  }

  private onViolation(link: Link, protocol: Protocol, violation: Violation): void {
    const { counters, clock, logger } = this.init
    counters.count(violation === 'no_credit' ? 'creditViolations' : 'malformedFrames')
    logger.warn(
      { peer: link.peer, protocol, violation },
      'a peer broke the framing rules; its stream was reset',
    )
    if (this.abuse.record(link.peer, clock.now())) this.hangUp(link, 'peersBarred', 'repeated broken frames')
  }

  /** The link in use ends and nothing takes its place. */
  private end(entry: Entry, reason: string, byPeer: boolean): void {
    const { peer } = entry.link
    const livedMs = this.connectedForMs(peer)
    this.entries.delete(peer)
    this.close(entry, reason, byPeer)
    this.forgetWindows(peer)
    if (!this.has(peer)) this.init.onGone(peer, { livedMs, byPeer })
  }

  private close(entry: Entry, reason: string, byPeer: boolean): void {
    const wasConnected = entry.link.isConnected
    entry.link.close(reason)
    refuse(entry.link.connection, reason)
    if (wasConnected) this.init.onDisconnected(entry.link.peer, byPeer)
  }

  private await(peer: PeerId, connection: Connection): void {
    const timer = setTimeout(() => {
      this.init.counters.count('linksUnconfirmed')
      refuse(connection, 'the other side did not choose it')
    }, this.init.settings.confirmTimeoutMs)
    this.waiting.set(peer, [...(this.waiting.get(peer) ?? []), { connection, timer }])
  }

  /** Whether `connection` was among those that wait. */
  private stopAwaiting(peer: PeerId, connection: Connection): boolean {
    const all = this.waiting.get(peer) ?? []
    const found = all.find((waiting) => waiting.connection === connection)
    if (found === undefined) return false
    clearTimeout(found.timer)
    const others = all.filter((waiting) => waiting !== found)
    if (others.length === 0) this.waiting.delete(peer)
    else this.waiting.set(peer, others)
    return true
  }

  private drop(connection: Connection): void {
    this.init.counters.count('duplicatesClosed')
    refuse(connection, 'another connection is used')
  }

  private windowOf(peer: PeerId, protocol: Protocol): ReceiveWindow {
    const key = windowKey(peer, protocol)
    const window = this.windows.get(key) ?? new ReceiveWindow(this.init.settings.windowBytesMax)
    this.windows.set(key, window)
    return window
  }

  /** A window that holds nothing is as good as a new one. */
  private forgetWindows(peer: PeerId): void {
    for (const protocol of PROTOCOLS) {
      const key = windowKey(peer, protocol)
      if (this.windows.get(key)?.held === 0) this.windows.delete(key)
    }
  }
}

const windowKey = (peer: PeerId, protocol: Protocol): string => `${peer} ${protocol}`

function refuse(connection: Connection, reason: string): void {
  connection.abort(new CodedError('operation.cancelled', { what: `the connection (${reason})` }))
}
