/**
 * Drives the membership core: gives it gossip, messages, connections, the roster and time, and carries out what it decides.
 *
 * The core says when it wants to be called next (`dueAt`); one timer is kept for the earliest such time, and a call that comes
 * late is how the core learns that this process was away. Effects are carried out in the order in which they were decided, also
 * when carrying one out makes a connection close and so leads to the next decision.
 *
 * Whatever a peer sends is checked by the codec before the core sees it; what is malformed, or of a kind that only a newer version
 * knows, is refused, counted by its code, and changes nothing.
 */
import {
  type BootMs,
  type Clock,
  CodedError,
  type ErrorCode,
  type Logger,
  nodeId,
  type PeerId,
  type Random,
  toCodedError,
  unreachable,
} from '../base/index.ts'
import {
  decodeGossip,
  decodeStreamMessage,
  encodeGossip,
  encodeStreamMessage,
  type MemberChanged,
  type MemberRoster,
  Membership,
  type MembershipEffect,
  type MembershipInput,
  type MembershipOptions,
  type MemberView,
  type NodeRecord,
  type OrdersGossip,
} from '../membership/index.ts'
import { DemandQueue } from './demand-queue.ts'
import type { RecordSigner } from './identity/index.ts'
import type { LinkWatch } from './link-watch.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'
import type { RosterBook } from './roster-book.ts'

/** How soon a change of this node's own record is seen: of what runs here, of its addresses. */
const RECORD_LOOK_MS = 1000
/** Nothing is due for longer in practice; and a timer of the runtime must not overflow. */
const LOOK_MS_MAX = 60_000

interface MembershipDriverInit {
  readonly transport: Transport
  readonly book: RosterBook
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  /** Higher than in any life of this node before, and on disk. */
  readonly life: number
  /** Resolves when the life is on disk. */
  readonly keepLife: (life: number) => Promise<void>
  readonly options: MembershipOptions
  readonly signer: RecordSigner
  readonly links: LinkWatch
  /** What this node says of itself now. */
  readonly ownRecord: () => NodeRecord
  /** The record of another member is new: it may name addresses that are better than the known ones. */
  readonly onRecord: (peer: PeerId, record: NodeRecord) => void
  /** Admin orders share the topic, and are no concern of the member table. */
  readonly onOrders: (from: PeerId, message: OrdersGossip) => void
  readonly onChanged: (change: MemberChanged) => void
  readonly fatal: (error: CodedError) => void
}

export class MembershipDriver {
  private readonly init: MembershipDriverInit
  private readonly outbox: DemandQueue
  private readonly refusedCounts = new Map<ErrorCode, number>()
  private readonly effects: MembershipEffect[] = []
  private readonly core: Membership
  private isDraining = false
  /** Nothing is carried out until a new life is on disk. */
  private isHeld = false
  private armed: { readonly at: BootMs; readonly cancel: Cancel } | undefined
  private cancelLook: Cancel | undefined
  private lastRecord = ''
  private isStopped = false

  constructor(init: MembershipDriverInit) {
    this.init = init
    const { transport, scheduler, book } = init
    this.core = this.createCore()
    this.outbox = new DemandQueue(transport, scheduler, 'membership')
    transport.onGossip((from, bytes) => {
      const message = this.checked(from, () => decodeGossip(bytes))
      if (message?.type === 'orders') this.init.onOrders(from, message)
      else if (message !== undefined) this.step({ type: 'gossip', from, message })
    })
    transport.onMessage('membership', (from, bytes) => {
      const message = this.checked(from, () => decodeStreamMessage(bytes))
      if (message !== undefined) this.step({ type: 'message', from, message })
    })
    transport.onPeer((event) => {
      const { peer } = event
      if (event.type === 'connected') this.step({ type: 'connection_opened', peer })
      else this.step({ type: 'connection_closed', peer, byPeer: event.byPeer })
    })
    book.onAdded(() => this.step({ type: 'roster', roster: this.roster() }))
  }

  members(): readonly MemberView[] {
    return this.core.members()
  }

  member(peer: PeerId): MemberView | undefined {
    return this.core.member(peer)
  }

  /** Whether this member was ever heard of since this process started. */
  isKnown(peer: PeerId): boolean {
    const status = this.core.member(peer)?.status
    return status !== undefined && status !== 'unseen'
  }

  /** Messages that were refused before the core saw them, by code. */
  get refused(): ReadonlyMap<ErrorCode, number> {
    return this.refusedCounts
  }

  start(): void {
    this.refreshRecord()
    this.tick()
    this.cancelLook = this.init.scheduler.every(RECORD_LOOK_MS, () => this.refreshRecord())
  }

  /** Says goodbye, so that the others need not suspect. */
  stop(): void {
    this.cancelLook?.()
    this.step({ type: 'leave' })
    this.isStopped = true
    this.armed?.cancel()
  }

  private createCore(): Membership {
    const { transport, life, options, random, clock, signer } = this.init
    return new Membership({
      self: transport.self,
      life,
      options,
      roster: this.roster(),
      random: random.fork(),
      now: clock.now(),
      signRecord: (statement) => signer.sign(statement),
      verifyRecord: (peer, statement, signature) => signer.verify(peer, statement, signature),
    })
  }

  private checked<Message>(from: PeerId, decoded: () => Message): Message | undefined {
    try {
      return decoded()
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      const count = (this.refusedCounts.get(thrown.code) ?? 0) + 1
      this.refusedCounts.set(thrown.code, count)
      this.init.logger.debug({ peer: from, err: thrown, count }, 'a message about members was refused')
      return undefined
    }
  }

  /** A record is announced when something in it changed; its time alone is no change. */
  private refreshRecord(): void {
    const record = this.init.ownRecord()
    const text = JSON.stringify({ ...record, last_seen_unix_ms: 0 })
    if (text === this.lastRecord) return
    this.lastRecord = text
    this.step({ type: 'record', record })
  }

  private step(input: MembershipInput): void {
    if (this.isStopped) return
    this.decided(this.core.step(input, this.init.clock.now()))
  }

  private tick(): void {
    if (!this.isStopped) this.decided(this.core.tick(this.init.clock.now()))
  }

  private decided(effects: readonly MembershipEffect[]): void {
    this.effects.push(...effects)
    this.arm()
    this.drain()
  }

  /** Not within itself: what is carried out can lead to the next decision. */
  private drain(): void {
    if (this.isDraining) return
    this.isDraining = true
    try {
      while (!this.isHeld) {
        const effect = this.effects.shift()
        if (effect === undefined) return
        this.carryOut(effect)
      }
    } finally {
      this.isDraining = false
    }
  }

  /** A timer that is too early finds nothing due and is set again: cheaper than a new one at each step. */
  private arm(): void {
    const { clock, scheduler } = this.init
    const now = clock.now()
    const at = Math.min(this.core.dueAt, now + LOOK_MS_MAX) as BootMs
    if (this.armed !== undefined && this.armed.at <= at) return
    this.armed?.cancel()
    // Whole milliseconds, rounded up: a runtime's timers round down, and would call too early.
    const cancel = scheduler.after(Math.max(1, Math.ceil(at - now)), () => {
      this.armed = undefined
      if (clock.now() >= this.core.dueAt) this.tick()
      else this.arm()
    })
    this.armed = { at, cancel }
  }

  private carryOut(effect: MembershipEffect): void {
    const { transport, links, logger } = this.init
    switch (effect.type) {
      case 'publish':
        this.publish(effect)
        return
      case 'send':
        this.send(effect)
        return
      case 'neighbours':
        links.setNeighbours(effect.peers)
        transport.setNeighbours(effect.peers)
        return
      case 'hang_up':
        logger.info({ peer: effect.peer, why: effect.why }, 'a connection of no use is given up')
        transport.hangUp(effect.peer)
        return
      case 'record':
        this.init.onRecord(effect.peer, effect.record)
        return
      case 'life':
        void this.takeLife(effect.life)
        return
      case 'link_fault':
        links.faultChanged(effect.peer, effect.fault)
        return
      case 'changed': {
        const { nodeId: member, from, to, cause, incarnation } = effect
        logger.info({ member, from, to, cause, incarnation }, 'member changed')
        this.init.onChanged(effect)
        return
      }
      default:
        unreachable(effect)
    }
  }

  private publish({ message }: Extract<MembershipEffect, { type: 'publish' }>): void {
    this.init.transport.publish(encodeGossip(message)).catch((thrown: unknown) => {
      this.init.logger.warn({ err: toCodedError(thrown) }, 'gossip not published')
    })
  }

  /** What does not go out is like a probe that was lost: the core sees that no answer came. */
  private send({ peer, message, patienceMs }: Extract<MembershipEffect, { type: 'send' }>): void {
    const { transport } = this.init
    const bytes = encodeStreamMessage(message)
    if (transport.isConnected(peer)) transport.send(peer, 'membership', bytes)
    else if (patienceMs > 0 && this.outbox.send(peer, bytes, patienceMs) === 'disconnected')
      this.outbox.hold(peer, bytes, patienceMs)
  }

  /**
   * The mesh remembers a later life of this node than its disk does, and the core has taken one beyond: it is on disk before
   * anything else of what was decided is done, so that no life is ever used twice.
   */
  private async takeLife(life: number): Promise<void> {
    this.init.logger.warn({ life }, 'the mesh knows a later life of this node than its disk did')
    this.isHeld = true
    try {
      await this.init.keepLife(life)
    } catch (thrown) {
      return this.init.fatal(toCodedError(thrown))
    }
    this.isHeld = false
    this.drain()
  }

  private roster(): MemberRoster {
    return new Map(this.init.book.list().map((entry) => [entry.peer, nodeId(entry.nodeId)]))
  }
}
