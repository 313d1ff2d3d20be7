/**
 * The orders that hold, one for each node and field: a last-writer-wins map (Shapiro et al., 2011, §3.2.1) under the total order
 * of `compareOrders`. Books that have seen the same orders are equal, in whatever order they saw them, so anti-entropy
 * needs nothing but "who lacks what" and may repeat itself.
 *
 * An order that lifts another is kept as long as the node belongs to the mesh: without it, whoever was away would bring the old
 * one back. At most three per machine of the roster, so nothing is ever dropped.
 */
import { LIMITS, type PeerId, type UnixMs } from '../base/index.ts'
import { compareTimes, HybridClock, type HybridTime } from './hybrid-clock.ts'
import {
  compareOrders,
  ORDER_FIELDS,
  ORDER_ID_BYTES,
  type Order,
  type OrderField,
  type OrderStatement,
  orderId,
} from './order.ts'
import type { Standing } from './order-standing.ts'

/**
 * - `news`: it holds now.
 * - `known`: it holds already.
 * - `outranked`: another order of the same time is stricter.
 * - `older`: a later one holds, so this one is a repetition of the past.
 * - `full`: there is no room, which cannot happen while all subjects are in the roster.
 */
type Merged = 'news' | 'known' | 'outranked' | 'older' | 'full'

/** One order that holds, as two books compare themselves. */
export interface OrderRow extends HybridTime {
  readonly subject: PeerId
  readonly field: OrderField
  /** See `orderId`. */
  readonly id: Uint8Array
}

export class OrderBook {
  private readonly clock = new HybridClock()
  private readonly held = new Map<string, Order>()

  /** A time for a new order: later than every order that was ever merged here. */
  nextTime(wallMs: number): HybridTime {
    return this.clock.next(wallMs)
  }

  /** Whether this very order holds: cheap, for orders that come again and again. */
  holds({ says, signed }: Order): boolean {
    const held = this.held.get(keyOf(says))
    return held !== undefined && isSame(orderId(held.signed), orderId(signed))
  }

  /** Takes an order in that its caller has found to be valid. */
  merge(order: Order): Merged {
    this.clock.observe(order.says)
    const key = keyOf(order.says)
    const held = this.held.get(key)
    if (held === undefined && this.held.size >= LIMITS.ordersMax) return 'full'
    const rank = held === undefined ? 1 : compareOrders(order, held)
    if (rank > 0) {
      this.held.set(key, order)
      return 'news'
    }
    if (rank === 0) return 'known'
    return held !== undefined && compareTimes(order.says, held.says) === 0 ? 'outranked' : 'older'
  }

  list(): readonly Order[] {
    return [...this.held.values()]
  }

  /** @param now the wall clock, by which an order about maintenance ends by itself. */
  standing(subject: PeerId, now: UnixMs): Standing {
    const [quarantine, maintenance, retire] = ORDER_FIELDS.map((field) => this.says(subject, field))
    const isUnderWay = maintenance?.field === 'maintenance' && maintenance.on
    return {
      isQuarantined: quarantine?.on === true,
      isRetired: retire?.on === true,
      maintenance:
        isUnderWay && now < (maintenance.untilUnixMs ?? Number.POSITIVE_INFINITY) ? maintenance : undefined,
    }
  }

  /** Equal for books that hold the same orders, in whatever order they took them in. */
  digest(): Uint8Array {
    const digest = new Uint8Array(ORDER_ID_BYTES)
    for (const { signed } of this.held.values())
      for (const [at, byte] of orderId(signed).entries()) digest[at] = (digest[at] ?? 0) ^ byte
    return digest
  }

  rows(): readonly OrderRow[] {
    return this.list().map(({ says: { subject, field, wallMs, counter }, signed }) => {
      return { subject, field, wallMs, counter, id: orderId(signed) }
    })
  }

  /** What a book with these rows lacks, as far as the rows tell: ties are for its own merge to decide. */
  lackedBy(rows: readonly OrderRow[]): readonly Order[] {
    const theirs = new Map(rows.map((row) => [keyOf(row), row]))
    return this.list().filter((order) => {
      const row = theirs.get(keyOf(order.says))
      if (row === undefined) return true
      return !isSame(row.id, orderId(order.signed)) && compareTimes(order.says, row) >= 0
    })
  }

  /** Whether a book with these rows may hold something that this one lacks. */
  lacksSomeOf(rows: readonly OrderRow[]): boolean {
    return rows.some((row) => {
      const held = this.held.get(keyOf(row))
      if (held === undefined) return true
      return !isSame(row.id, orderId(held.signed)) && compareTimes(row, held.says) >= 0
    })
  }

  private says(subject: PeerId, field: OrderField): OrderStatement | undefined {
    return this.held.get(keyOf({ subject, field }))?.says
  }
}

const keyOf = ({ subject, field }: Pick<OrderRow, 'subject' | 'field'>): string => `${subject}/${field}`

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
