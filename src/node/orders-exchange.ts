/**
 * Admin orders from peer to peer: told at once to everybody who is connected, and compared with each new connection and now
 * and then with a random one, so that who was away, or on the other side of a partition, comes to hold the same.
 *
 *     asker                                 asked
 *       │── compare {digest} ─────────────────▶│   equal digests: nothing more to say
 *       │◀───────────────────────── {rows} ────│
 *       │── tell {what the rows lack} ────────▶│
 *       │── fetch {own rows} ─────────────────▶│   only if the rows promise news
 *       │◀───────────────── {orders, more} ────│
 */
import { z } from 'zod'
import { bytesSchema, decode, encode, LIMITS, type Logger, type PeerId, peerId } from '../base/index.ts'
import {
  isOrderField,
  ORDER_ID_BYTES,
  type OrderBook,
  type OrderRow,
  type SignedOrder,
  signedOrderSchema,
} from '../membership/index.ts'
import type { Transport } from './ports.ts'
import type { Rpc } from './rpc.ts'

const METHODS = { compare: 'orders.compare', fetch: 'orders.fetch', tell: 'orders.tell' } as const
const TIMEOUT_MS = 5000

const digest = bytesSchema.refine((bytes) => bytes.length === ORDER_ID_BYTES)
const row = z
  .tuple([
    z.string().transform((text): PeerId => peerId(text)),
    z.string().max(LIMITS.idBytesMax),
    z.number().int().nonnegative(),
    z.number().int().nonnegative(),
    digest,
  ])
  // Of a field that only a newer version knows nothing can be compared.
  .transform(([subject, field, wallMs, counter, id]): readonly OrderRow[] =>
    isOrderField(field) ? [{ subject, field, wallMs, counter, id }] : [],
  )
const rows = z
  .array(row)
  .max(LIMITS.ordersMax)
  .transform((list) => list.flat())
const orders = z.array(signedOrderSchema).max(LIMITS.ordersPerMessageMax)

const compareRequest = z.object({ digest })
/** Without rows: the digests are equal. */
const compareAnswer = z.object({ rows: rows.optional() })
const fetchRequest = z.object({ rows })
/** `more`: the asked node has more that the asking one lacks. */
const fetchAnswer = z.object({ orders, more: z.boolean() })
/** `fresh`: its issuer tells it to everybody now; otherwise it is news to those who come together again. */
const tellRequest = z.object({ orders, fresh: z.boolean() })

interface OrdersExchangeInit {
  readonly rpc: Rpc
  readonly transport: Transport
  readonly logger: Logger
  readonly book: OrderBook
  /** Judges and takes in what a peer sent. @returns how many of them were news. */
  readonly take: (from: PeerId, orders: readonly SignedOrder[], how: 'fresh' | 'exchanged') => number
}

export class OrdersExchange {
  private readonly init: OrdersExchangeInit
  private readonly meeting = new Set<PeerId>()

  constructor(init: OrdersExchangeInit) {
    const { rpc, transport, book, take } = init
    this.init = init
    rpc.handle(METHODS.compare, async (_from, body) => {
      const theirs = decode(compareRequest, body, 'comparison of orders').digest
      const isEqual = Buffer.compare(theirs, book.digest()) === 0
      return encode(isEqual ? {} : { rows: packed(book.rows()) })
    })
    rpc.handle(METHODS.fetch, async (_from, body) => {
      const lacking = book.lackedBy(decode(fetchRequest, body, 'request for orders').rows)
      const part = lacking.slice(0, LIMITS.ordersPerMessageMax).map(({ signed }) => signed)
      return encode({ orders: part, more: lacking.length > part.length })
    })
    rpc.handle(METHODS.tell, async (from, body) => {
      const told = decode(tellRequest, body, 'orders')
      take(from, told.orders, told.fresh ? 'fresh' : 'exchanged')
      return new Uint8Array()
    })
    transport.onPeer(({ type, peer }) => {
      if (type === 'connected') void this.meet(peer)
    })
  }

  /** Both come to hold what either of them holds. Does not throw: who is missed now is met again. */
  async meet(peer: PeerId): Promise<void> {
    if (this.meeting.has(peer)) return
    this.meeting.add(peer)
    try {
      await this.reconcile(peer)
    } catch (error) {
      this.init.logger.debug({ peer, err: error }, 'admin orders not compared; the next meeting tries again')
    } finally {
      this.meeting.delete(peer)
    }
  }

  /** To everybody who is connected. Who misses it is met again. */
  tell(signed: SignedOrder): void {
    for (const peer of this.init.transport.connectedPeers()) {
      this.send(peer, [signed], true).catch((error: unknown) => {
        this.init.logger.debug({ peer, err: error }, 'admin order not delivered')
      })
    }
  }

  private async reconcile(peer: PeerId): Promise<void> {
    const { book, take } = this.init
    const { rows: theirs } = await this.ask(peer, METHODS.compare, { digest: book.digest() }, compareAnswer)
    if (theirs === undefined) return
    const lacking = book.lackedBy(theirs).map(({ signed }) => signed)
    for (let at = 0; at < lacking.length; at += LIMITS.ordersPerMessageMax)
      await this.send(peer, lacking.slice(at, at + LIMITS.ordersPerMessageMax), false)
    for (let more = book.lacksSomeOf(theirs); more; ) {
      const answer = await this.ask(peer, METHODS.fetch, { rows: packed(book.rows()) }, fetchAnswer)
      // What is refused here would be sent again for ever.
      more = take(peer, answer.orders, 'exchanged') > 0 && answer.more
    }
  }

  private async send(peer: PeerId, some: readonly SignedOrder[], fresh: boolean): Promise<void> {
    await this.init.rpc.request(peer, METHODS.tell, encode({ orders: some, fresh }), TIMEOUT_MS)
  }

  private async ask<Schema extends z.ZodType>(
    peer: PeerId,
    method: string,
    body: unknown,
    schema: Schema,
  ): Promise<z.output<Schema>> {
    return decode(schema, await this.init.rpc.request(peer, method, encode(body), TIMEOUT_MS), method)
  }
}

const packed = (list: readonly OrderRow[]): readonly (readonly unknown[])[] =>
  list.map(({ subject, field, wallMs, counter, id }) => [subject, field, wallMs, counter, id])
