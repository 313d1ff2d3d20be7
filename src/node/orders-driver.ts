/**
 * Admin orders at this node (promise P5): judges what comes in, keeps what holds on disk, passes it on, gives new ones in the
 * name of this node, and tells everybody here who asks how a node stands.
 *
 * Nothing of this waits for the authority: an order counts at each node from the moment it is there, whether or not a quorum
 * can be reached. It travels three ways. Its issuer publishes it on the gossip topic and besides tells every connected peer, because
 * gossip between peers that have just met is often lost; and nodes compare what they hold whenever they meet. What a node
 * learns in such a comparison is news to its side of a healed partition as well, so it publishes that, after a random pause
 * and unless another has done so by then.
 */
import type { ClientCommand } from '../authority/index.ts'
import {
  type Clock,
  CodedError,
  LIMITS,
  type Logger,
  type PeerId,
  type Random,
  toCodedError,
} from '../base/index.ts'
import {
  encodeGossip,
  encodeStatement,
  type Order,
  OrderBook,
  type OrderStatement,
  type OrdersGossip,
  orderId,
  readOrder,
  type SignedOrder,
  type Standing,
} from '../membership/index.ts'
import { orderKeysOf } from './identity/index.ts'
import type { MeshNodeInit } from './mesh-node-init.ts'
import type { EventSink } from './node-events.ts'
import { refuseBarredHolder } from './order-bars.ts'
import { judgeOrder, type Objection, type OrderJudgeInit, tryRead } from './order-judge.ts'
import { OrdersExchange } from './orders-exchange.ts'
import { loadOrders, saveOrders } from './orders-store.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'
import type { RosterBook } from './roster-book.ts'
import type { Rpc } from './rpc.ts'

/** Bounds how long an order stays unknown when everything else failed: as long as a person waits before looking again. */
const COMPARE_EVERY_MS = 30_000
/** Long enough for the first who publishes to be heard by most of those who would, short beside the 5 s that an order may take. */
const RELAY_SPREAD_MS = 500
/** A peer that sends nonsense without end fills no log: each kind is said once a second, with its count. */
const AUDIT_EVERY_MS = 1000

/** Besides what a judge says against an order: it cannot be read, a later one holds, there is no room. */
type Refusal = Objection | 'malformed' | 'older' | 'full'

/** What this node is asked to order, in its own name. */
export type NewOrder = Pick<OrderStatement, 'subject' | 'on' | 'reason'> &
  (
    | { readonly field: 'quarantine' | 'retire' }
    | {
        readonly field: 'maintenance'
        readonly untilUnixMs?: number | undefined
        readonly drainDeadlineUnixMs?: number | undefined
      }
  )

interface OrdersDriverInit extends OrderJudgeInit {
  readonly roster: RosterBook
  readonly rpc: Rpc
  readonly transport: Transport
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
  readonly events: EventSink
  /** As they were on disk. They were judged when they came in. */
  readonly saved: readonly SignedOrder[]
  readonly save: (orders: readonly SignedOrder[]) => Promise<void>
  readonly fatal: (error: CodedError) => void
}

export class OrdersDriver {
  private readonly init: OrdersDriverInit
  private readonly book = new OrderBook()
  private readonly exchange: OrdersExchange
  private readonly refusals = new Map<Refusal, { count: number; saidAt: number }>()
  /** To be published, unless somebody else does first. By the text of their ids. */
  private readonly relays = new Map<string, SignedOrder>()
  /** An order was left out because somebody in it is not in the roster. */
  private lacksRoster = false
  private saving: Promise<void> = Promise.resolve()
  private nextSave: Promise<void> | undefined
  private cancelCompare: Cancel | undefined

  constructor(init: OrdersDriverInit) {
    this.init = init
    for (const signed of init.saved) {
      const order = tryRead(signed)
      if (order !== undefined) this.book.merge(order)
    }
    this.exchange = new OrdersExchange({
      rpc: init.rpc,
      transport: init.transport,
      logger: init.logger,
      book: this.book,
      take: (from, orders, how) => {
        const news = this.take(from, orders)
        if (how === 'exchanged') this.relay(news)
        return news.length
      },
    })
    init.roster.onAdded(() => {
      if (!this.lacksRoster) return
      this.lacksRoster = false
      for (const peer of init.transport.connectedPeers()) void this.exchange.meet(peer)
    })
  }

  start(): void {
    const { scheduler, transport, random } = this.init
    this.cancelCompare = scheduler.every(COMPARE_EVERY_MS, () => {
      const peers = transport.connectedPeers()
      const peer = peers.length === 0 ? undefined : peers[random.integer(0, peers.length - 1)]
      if (peer !== undefined) void this.exchange.meet(peer)
    })
  }

  stop(): void {
    this.cancelCompare?.()
  }

  /** How a node stands now, by the orders that this node knows. */
  readonly standing = (subject: PeerId): Standing => this.book.standing(subject, this.init.clock.wall())

  /** The leader's question before it proposes. @throws CodedError as `refuseBarredHolder` */
  refuseBarred(from: PeerId, command: ClientCommand): void {
    const { roster, clock } = this.init
    const nameOf = (peer: PeerId): string => roster.nodeIdOf(peer) ?? peer
    refuseBarredHolder(from, command, { standing: this.standing, nameOf, now: clock.wall() })
  }

  list(): readonly Order[] {
    return this.book.list()
  }

  /** Orders that were refused, by reason, since the start. */
  refused(why: Refusal): number {
    return this.refusals.get(why)?.count ?? 0
  }

  /** What came over the gossip topic. */
  hear(from: PeerId, { orders }: OrdersGossip): void {
    for (const signed of orders) this.relays.delete(idText(signed))
    this.take(from, orders)
  }

  /**
   * Gives an order in the name of this node. It counts here at once; resolves when it is on disk and on its way.
   * @throws CodedError `credential.not_admin`, `input.invalid`, `limit.exceeded`, `store.write_failed`
   */
  async give(wanted: NewOrder): Promise<Order> {
    const { transport, roster, clock, scopeId, keys } = this.init
    const issuer = transport.self
    if (!roster.isAdmin(issuer))
      throw new CodedError('credential.not_admin', { peer: roster.nodeIdOf(issuer) ?? issuer })
    const now = clock.wall()
    checkTimes(wanted, now)
    const time = this.book.nextTime(now)
    if (time.wallMs > LIMITS.orderTimeUnixMsMax)
      throw new CodedError('limit.exceeded', {
        what: 'the time of the order',
        got: time.wallMs,
        max: LIMITS.orderTimeUnixMsMax,
      })
    const statement = encodeStatement({ version: 1, scopeId, issuer, ...wanted, ...time } as OrderStatement)
    const order = readOrder({ statement, signature: keys.sign(statement) })
    this.book.merge(order)
    this.tellOwner(order)
    await this.save()
    this.publish([order.signed])
    this.exchange.tell(order.signed)
    return order
  }

  /** Resolves when every order that came in so far is on disk. */
  saved(): Promise<void> {
    return this.saving
  }

  /** @returns what was news. */
  private take(from: PeerId, orders: readonly SignedOrder[]): readonly Order[] {
    const news: Order[] = []
    for (const signed of orders) {
      const outcome = this.admit(from, signed)
      // Whoever checks what it passes on sends none of these: its other signatures are not worth the time either.
      if (outcome === 'forged') break
      if (outcome !== undefined) news.push(outcome)
    }
    // A disk that fails has been told to `fatal` by then.
    if (news.length > 0) this.save().catch(() => undefined)
    return news
  }

  private admit(from: PeerId, signed: SignedOrder): Order | 'forged' | undefined {
    const order = tryRead(signed)
    if (order === undefined) return this.refuse(from, 'malformed', undefined)
    if (this.book.holds(order)) return undefined
    const judgement = judgeOrder(order, this.init)
    switch (judgement.type) {
      case 'strangers':
        this.lacksRoster = true
        return undefined
      case 'refused':
        this.refuse(from, judgement.why, order)
        return judgement.why === 'forged' ? 'forged' : undefined
      case 'valid':
        break
    }
    const merged = this.book.merge(order)
    if (merged === 'older' || merged === 'full') return this.refuse(from, merged, order)
    if (merged !== 'news') return undefined
    this.tellOwner(order)
    return order
  }

  private tellOwner({ says }: Order): void {
    const { roster, logger, events, clock } = this.init
    const { field, on, reason, subject, issuer, wallMs } = says
    const node = roster.nodeIdOf(subject)
    const by = roster.nodeIdOf(issuer) ?? issuer
    logger.info({ member: node ?? subject, field, on, by, reason }, 'an admin order holds')
    const why = reason === undefined ? {} : { why: reason }
    events.record({
      kind: 'admin',
      type: 'admin:order_accepted',
      node,
      reason: field,
      detail: { on, by, ...why },
    })
    const aheadMs = wallMs - clock.wall()
    if (aheadMs <= LIMITS.orderClockAheadMs) return
    logger.warn(
      { by, aheadMs },
      'an admin order comes from the future: its clock or the one of this node is wrong',
    )
    events.record({
      kind: 'admin',
      type: 'admin:order_from_future',
      node,
      reason: field,
      detail: { by, aheadMs },
    })
  }

  private refuse(from: PeerId, why: Refusal, order: Order | undefined): undefined {
    const { clock, roster, logger, events } = this.init
    const refusal = this.refusals.get(why) ?? { count: 0, saidAt: Number.NEGATIVE_INFINITY }
    this.refusals.set(why, refusal)
    refusal.count += 1
    const now = clock.now()
    if (now - refusal.saidAt < AUDIT_EVERY_MS) return undefined
    refusal.saidAt = now
    const node = order === undefined ? undefined : roster.nodeIdOf(order.says.subject)
    const by = order === undefined ? 'unknown' : (roster.nodeIdOf(order.says.issuer) ?? order.says.issuer)
    const detail = { from: roster.nodeIdOf(from) ?? from, by, count: refusal.count }
    logger.warn({ ...detail, member: node, why }, 'an admin order was refused')
    events.record({ kind: 'admin', type: 'admin:order_refused', node, reason: why, detail })
    return undefined
  }

  private relay(news: readonly Order[]): void {
    if (news.length === 0) return
    const { scheduler, random } = this.init
    if (this.relays.size === 0) {
      scheduler.after(random.integer(0, RELAY_SPREAD_MS), () => {
        this.publish([...this.relays.values()])
        this.relays.clear()
      })
    }
    for (const { signed } of news) this.relays.set(idText(signed), signed)
  }

  private publish(orders: readonly SignedOrder[]): void {
    for (let at = 0; at < orders.length; at += LIMITS.ordersPerGossipMax) {
      const part = orders.slice(at, at + LIMITS.ordersPerGossipMax)
      this.init.transport
        .publish(encodeGossip({ type: 'orders', orders: part }))
        .catch((error: unknown) => this.init.logger.debug({ err: error }, 'admin orders not published'))
    }
  }

  /** One write at a time, and all that came in during one is in the next. Resolves when what holds now is on disk. */
  private save(): Promise<void> {
    if (this.nextSave !== undefined) return this.nextSave
    const write = (): Promise<void> => {
      this.nextSave = undefined
      return this.init.save(this.book.list().map(({ signed }) => signed)).catch((thrown: unknown) => {
        this.init.fatal(toCodedError(thrown))
        throw thrown
      })
    }
    this.nextSave = this.saving.then(write, write)
    this.saving = this.nextSave
    return this.nextSave
  }
}

/** An order that is over before it begins is a slip of the pen. */
function checkTimes(wanted: NewOrder, now: number): void {
  if (wanted.field !== 'maintenance') return
  for (const [field, value] of [
    ['the end of the maintenance', wanted.untilUnixMs],
    ['the deadline of the drain', wanted.drainDeadlineUnixMs],
  ] as const) {
    if (value === undefined || (value > now && value <= now + LIMITS.orderSpanMsMax)) continue
    const days = Math.floor(LIMITS.orderSpanMsMax / 86_400_000)
    throw new CodedError('input.invalid', {
      field,
      got: value,
      accepts: `a time in the future, at most ${days} days from now`,
    })
  }
}

const idText = (signed: SignedOrder): string => Buffer.from(orderId(signed)).toString('hex')

/** As the composition of a node wants it. */
export function createOrders(init: MeshNodeInit, rpc: Rpc): OrdersDriver {
  const { identity, book, stores, logger } = init
  return new OrdersDriver({
    ...init,
    scopeId: identity.scopeId,
    keys: init.orderKeys ?? orderKeysOf(identity.key),
    roster: book,
    rpc,
    random: init.random.fork(),
    logger: logger.child({ room: 'orders' }),
    saved: loadOrders(stores.meta),
    save: (orders) => saveOrders(stores.meta, orders),
  })
}
