/**
 * Feeds the membership core: gossip, connections, the roster, time, and this node's own record; publishes what it
 * wants to say.
 */
import {
  type Clock,
  type Incarnation,
  type Logger,
  nodeId,
  type PeerId,
  toCodedError,
} from '../base/index.ts'
import {
  decodeGossip,
  encodeGossip,
  Membership,
  type MembershipEffect,
  type MembershipOptions,
  type MemberView,
  type NodeRecord,
  type OrdersGossip,
} from '../membership/index.ts'
import type { EventSources } from './event-sources.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'
import type { RosterBook } from './roster-book.ts'

interface MembershipDriverInit {
  readonly transport: Transport
  readonly book: RosterBook
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly events: EventSources
  readonly incarnation: Incarnation
  readonly options: MembershipOptions
  /** What this node says of itself now. */
  readonly ownRecord: () => NodeRecord
  /** The record of another member is new: it may name addresses that are better than the known ones. */
  readonly onRecord: (peer: PeerId, record: NodeRecord) => void
  /** Admin orders share the topic, and are no concern of the member table. */
  readonly onOrders: (from: PeerId, message: OrdersGossip) => void
}

export class MembershipDriver {
  private readonly init: MembershipDriverInit
  private readonly core: Membership
  private cancelTick: Cancel | undefined
  private lastRecord = ''

  constructor(init: MembershipDriverInit) {
    this.init = init
    const { self } = init.transport
    this.core = new Membership({
      self,
      incarnation: init.incarnation,
      options: init.options,
      roster: this.roster(),
    })
    init.transport.onGossip((from, bytes) => this.hear(from, bytes))
    init.transport.onPeer(({ type, peer }) =>
      this.step({ type: type === 'connected' ? 'connection_opened' : 'connection_closed', peer }),
    )
    init.book.onAdded(() => this.step({ type: 'roster', roster: this.roster() }))
  }

  members(): readonly MemberView[] {
    return this.core.members()
  }

  /** Whether this member was ever heard of since this process started. */
  isKnown(peer: PeerId): boolean {
    return this.core.members().some((member) => member.peer === peer && member.status !== 'unseen')
  }

  start(): void {
    this.refreshRecord()
    this.cancelTick = this.init.scheduler.every(this.init.options.tickMs, () => {
      this.refreshRecord()
      this.carryOut(this.core.tick(this.init.clock.now()))
    })
  }

  /** Says goodbye, so that the others need not suspect. */
  stop(): void {
    this.cancelTick?.()
    this.step({ type: 'leave' })
  }

  private hear(from: PeerId, bytes: Uint8Array): void {
    const message = decodeGossip(bytes)
    if (message.type === 'orders') return this.init.onOrders(from, message)
    this.step({ type: 'gossip', from, message })
    if (message.type === 'heartbeat' && message.record !== undefined) {
      const view = this.core.members().find(({ peer }) => peer === from)
      if (view?.record !== undefined) this.init.onRecord(from, view.record)
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

  private step(input: Parameters<Membership['step']>[0]): void {
    this.carryOut(this.core.step(input, this.init.clock.now()))
  }

  private carryOut(effects: readonly MembershipEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'changed') {
        const { nodeId: member, from, to, cause, incarnation } = effect
        this.init.logger.info({ member, from, to, cause, incarnation }, 'member changed')
        this.init.events.memberChanged(effect)
        // Whatever waits for it should hear so now, not when TCP gives up.
        if (to === 'dead') this.init.transport.hangUp(effect.peer)
        continue
      }
      this.init.transport.publish(encodeGossip(effect.message)).catch((thrown: unknown) => {
        this.init.logger.warn({ err: toCodedError(thrown) }, 'heartbeat not published')
      })
    }
  }

  private roster(): ReadonlyMap<PeerId, ReturnType<typeof nodeId>> {
    return new Map(this.init.book.list().map((entry) => [entry.peer, nodeId(entry.nodeId)]))
  }
}
