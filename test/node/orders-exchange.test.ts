import { describe, expect, it, vi } from 'vitest'
import type { RosterEntry } from '../../src/authority/index.ts'
import {
  bootMs,
  encode,
  LIMITS,
  type PeerId,
  Random,
  type ScopeId,
  silentLogger,
  unixMs,
} from '../../src/base/index.ts'
import { OrderBook, readOrder, type SignedOrder } from '../../src/membership/index.ts'
import { OrdersDriver } from '../../src/node/orders-driver.ts'
import { OrdersExchange } from '../../src/node/orders-exchange.ts'
import { RosterBook } from '../../src/node/roster-book.ts'
import { NOW, order } from '../membership/order-support.ts'
import { peer } from '../membership/support.ts'
import { standInKeys } from './support/order-keys.ts'
import { B, pair } from './support/rpc-pair.ts'

const LETTERS = 'abcdefghijkmnopqrstuvwxyz'

/** Orders about as many nodes. */
const orders = (count: number) =>
  Array.from({ length: count }, (_, at) =>
    order({ subject: peer([625, 25, 1].map((size) => LETTERS[Math.floor(at / size) % 25]).join('')) }),
  )

/** Two books that can be compared over a line. */
function books() {
  const line = pair()
  const [left, right] = [new OrderBook(), new OrderBook()]
  const takeInto = (book: OrderBook) => (_: PeerId, some: readonly SignedOrder[]) =>
    some.filter((signed) => book.merge(readOrder(signed)) === 'news').length
  const take = { left: takeInto(left), right: takeInto(right) }
  const ours = new OrdersExchange({
    rpc: line.asking,
    transport: line.left,
    logger: silentLogger,
    book: left,
    take: (from, some) => take.left(from, some),
  })
  new OrdersExchange({
    rpc: line.serving,
    transport: line.right,
    logger: silentLogger,
    book: right,
    take: (from, some) => take.right(from, some),
  })
  return { ...line, books: { left, right }, take, meet: () => ours.meet(B) }
}

describe('two nodes that meet', () => {
  it('with the same orders: one question, and nothing more', async () => {
    const { left, books: both, meet } = books()
    for (const one of orders(20)) for (const book of [both.left, both.right]) book.merge(one)
    await meet()
    expect(left.sent).toHaveLength(1)
  })

  it('each comes to hold what the other has, in several messages when there is much', async () => {
    const { left, books: both, meet } = books()
    const all = orders(4 * LIMITS.ordersPerMessageMax + 2)
    for (const [at, one] of all.entries()) (at % 2 === 0 ? both.left : both.right).merge(one)
    await meet()
    expect(both.left.digest()).toEqual(both.right.digest())
    expect(both.left.list()).toHaveLength(all.length)
    // One comparison, three messages of news each way.
    expect(left.sent).toHaveLength(7)
  })

  it('what is refused is not asked for again in the same meeting', async () => {
    const { left, books: both, take, meet } = books()
    for (const one of orders(LIMITS.ordersPerMessageMax + 1)) both.right.merge(one)
    take.left = () => 0
    await meet()
    expect(left.sent).toHaveLength(2)
  })

  it('a newer version that has orders of another field: the rest is exchanged all the same', async () => {
    const { books: both, serving, meet } = books()
    for (const [at, one] of orders(4).entries()) (at % 2 === 0 ? both.left : both.right).merge(one)
    const rows = () =>
      both.right
        .rows()
        .map(({ subject, field, wallMs, counter, id }) => [subject, field, wallMs, counter, id])
    serving.handle('orders.compare', async () =>
      encode({ rows: [...rows(), [peer('a'), 'paint', NOW, 0, new Uint8Array(16)]] }),
    )
    await meet()
    expect(both.left.list()).toHaveLength(4)
    expect(both.left.digest()).toEqual(both.right.digest())
  })

  it('a peer that knows no orders, or goes away, is nothing to stumble over', async () => {
    const { asking, left } = pair()
    const exchange = new OrdersExchange({
      rpc: asking,
      transport: left,
      logger: silentLogger,
      book: new OrderBook(),
      take: () => 0,
    })
    await exchange.meet(B)
    left.answer = 'disconnected'
    await exchange.meet(B)
    expect(left.sent).toHaveLength(1)
  })
})

describe('roster and orders on their way at the same time', () => {
  it('an order about somebody unknown is no offence, and is taken as soon as the roster tells who it is', async () => {
    const [A, B, C] = [peer('a'), peer('b'), peer('c')]
    const line = pair(A, B)
    const saved: number[] = []
    const driver = (self: PeerId, rpc: typeof line.asking, known: readonly PeerId[]) => {
      const roster = new RosterBook({
        verify: () => ({ isAdmin: true }),
        save: () => Promise.resolve(),
        logger: silentLogger,
      })
      roster.add(known.map(entryOf))
      const orders = new OrdersDriver({
        scopeId: 'scope' as ScopeId,
        keys: standInKeys(self),
        roster,
        rpc,
        transport: self === A ? line.left : line.right,
        clock: { now: () => bootMs(0), wall: () => unixMs(NOW) },
        scheduler: line.scheduler,
        random: new Random(1),
        logger: silentLogger,
        events: { record: () => undefined },
        saved: [],
        save: async (all) => {
          saved.push(all.length)
        },
        fatal: (error) => expect.unreachable(error.message),
      })
      return { roster, orders }
    }
    const asking = driver(A, line.asking, [A, B])
    const telling = driver(B, line.serving, [A, B, C])
    await telling.orders.give({ subject: C, field: 'quarantine', on: true, reason: undefined })
    await vi.waitFor(() => expect(line.left.sent.length).toBeGreaterThan(0))
    expect(asking.orders.list()).toEqual([])
    for (const why of ['forged', 'not_admin', 'malformed'] as const)
      expect(asking.orders.refused(why)).toBe(0)

    asking.roster.add([entryOf(C)])
    await vi.waitFor(() => expect(asking.orders.standing(C).isQuarantined).toBe(true))
    await asking.orders.saved()
    expect(saved).toEqual([1, 1])
  })
})

const entryOf = (member: PeerId): RosterEntry => ({
  peer: member,
  nodeId: `node-${member.charAt(8)}`,
  statement: new Uint8Array(1),
  signature: new Uint8Array(1),
  addresses: [],
})
