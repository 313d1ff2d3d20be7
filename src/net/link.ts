/**
 * One peer over one connection: our stream and theirs for each protocol.
 *
 * A connection alone proves nothing: js-libp2p resolves the dial of a peer that the other side's gate then refuses.
 * A link is *connected* when each of our streams has been answered with a first credit word, which the other side
 * sends only to a peer it admits, on the connection it has chosen, with its reader in place. The other side
 * does the same, so both are sure; until then nothing is delivered and nothing can be sent.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { LIMITS, type Logger, type PeerId, present, type Random, type ScopeId } from '../base/index.ts'
import type { Counters } from './counters.ts'
import type { CreditViolation } from './frame.ts'
import { InboundStream, type InboundViolation } from './inbound-stream.ts'
import { OutboundStream } from './outbound-stream.ts'
import { PROTOCOLS, type Protocol, protocolName } from './protocols.ts'
import type { ReceiveWindow } from './receive-window.ts'
import type { NetSettings } from './settings.ts'

export type Violation = InboundViolation | CreditViolation

export interface LinkDeps {
  readonly scopeId: ScopeId
  readonly settings: NetSettings
  readonly random: Random
  readonly counters: Counters
  readonly logger: Logger
  readonly windowOf: (peer: PeerId, protocol: Protocol) => ReceiveWindow
  /** Never throws, and its promise never rejects. */
  readonly deliver: (peer: PeerId, protocol: Protocol, message: Uint8Array) => void | Promise<void>
  readonly onConnected: (link: Link) => void
  readonly onViolation: (link: Link, protocol: Protocol, violation: Violation) => void
  /** The link is of no use: the caller closes it. */
  readonly onHopeless: (link: Link, why: 'linksUnconfirmed' | 'linksGivenUp', reason: string) => void
}

export class Link {
  readonly peer: PeerId
  readonly connection: Connection
  /** Looks of the keeper since the last message of ours in either direction. */
  idleLooks = 0
  private readonly deps: LinkDeps
  private readonly outbound = new Map<Protocol, OutboundStream>()
  private readonly inbound = new Map<Protocol, InboundStream>()
  private readonly unanswered = new Set<Protocol>(PROTOCOLS)
  private readonly confirmTimer: NodeJS.Timeout
  private state: 'opening' | 'connected' | 'closed' = 'opening'

  constructor(peer: PeerId, connection: Connection, deps: LinkDeps) {
    this.peer = peer
    this.connection = connection
    this.deps = deps
    this.confirmTimer = setTimeout(
      () => deps.onHopeless(this, 'linksUnconfirmed', `no answer on ${[...this.unanswered].join(', ')}`),
      deps.settings.confirmTimeoutMs,
    )
    for (const protocol of PROTOCOLS) this.outbound.set(protocol, this.outboundStream(protocol))
  }

  get isConnected(): boolean {
    return this.state === 'connected'
  }

  open(): void {
    for (const stream of this.outbound.values()) stream.open()
  }

  send(protocol: Protocol, message: Uint8Array): 'queued' | 'full' | 'disconnected' {
    if (this.state !== 'connected') return 'disconnected'
    this.idleLooks = 0
    return present(this.outbound.get(protocol), 'an outbound stream per protocol').send(message)
  }

  /** The peer has opened its stream for `protocol`; one that it had before is replaced. */
  accept(protocol: Protocol, stream: Stream): void {
    this.inbound.get(protocol)?.close()
    const inbound = new InboundStream({
      stream,
      window: this.deps.windowOf(this.peer, protocol),
      messageBytesMax: this.deps.settings.messageBytesMax,
      deliver: (message) => {
        this.idleLooks = 0
        return this.deps.deliver(this.peer, protocol, message)
      },
      onViolation: (violation) => this.deps.onViolation(this, protocol, violation),
    })
    this.inbound.set(protocol, inbound)
    if (this.state === 'connected') inbound.startDelivery()
    inbound.open()
  }

  /** Ends the streams. Nothing is delivered afterwards; the connection is the caller's to close. */
  close(reason: string): void {
    if (this.state === 'closed') return
    this.state = 'closed'
    clearTimeout(this.confirmTimer)
    for (const stream of this.outbound.values()) stream.close()
    for (const stream of this.inbound.values()) stream.close()
    this.deps.logger.debug({ peer: this.peer, reason }, 'a link ended')
  }

  private outboundStream(protocol: Protocol): OutboundStream {
    const { settings, random, counters, logger } = this.deps
    const name = protocolName(this.deps.scopeId, protocol)
    return new OutboundStream({
      open: (signal) =>
        this.connection.newStream(name, { signal, maxOutboundStreams: LIMITS.peerStreamsMax }),
      settings,
      random,
      counters,
      logger: logger.child({ peer: this.peer, protocol }),
      onReady: () => this.onAnswered(protocol),
      onViolation: (violation) => this.deps.onViolation(this, protocol, violation),
      onHopeless: (reason) => this.deps.onHopeless(this, 'linksGivenUp', `${protocol}: ${reason}`),
    })
  }

  private onAnswered(protocol: Protocol): void {
    this.unanswered.delete(protocol)
    if (this.state !== 'opening' || this.unanswered.size > 0) return
    this.state = 'connected'
    clearTimeout(this.confirmTimer)
    this.deps.onConnected(this)
    for (const stream of this.inbound.values()) stream.startDelivery()
  }
}
