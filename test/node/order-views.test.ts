import { expect, test } from 'vitest'
import { type NodeId, unixMs } from '../../src/base/index.ts'
import { type NodeRecord, OrderBook } from '../../src/membership/index.ts'
import { newOrder, nodeOrdersView, orderView, ownOrderFields } from '../../src/node/order-views.ts'
import { A, B, NOW, order } from '../membership/order-support.ts'

const RECORD: NodeRecord = { id: 'attic', capabilities: {}, version: '0', last_seen_unix_ms: 0 }
const REQUEST = { node: 'b', field: 'maintenance', on: true, reason: undefined } as const

const standing = (...orders: ReturnType<typeof order>[]) => {
  const book = new OrderBook()
  for (const one of orders) book.merge(one)
  return book.standing(B, unixMs(NOW))
}

test('a node confirms an order when its record says the same, and not before', () => {
  const drained = standing(order({ field: 'maintenance', untilUnixMs: NOW + 5 }))
  expect(nodeOrdersView(drained, undefined)).toMatchObject({ maintenance: true, isFollowed: false })
  expect(nodeOrdersView(drained, RECORD)).toMatchObject({ maintenance: true, isFollowed: false })
  const record = { ...RECORD, ...ownOrderFields(drained) }
  expect(nodeOrdersView(drained, record)).toMatchObject({ isFollowed: true, maintenanceUntilUnixMs: NOW + 5 })
  expect(nodeOrdersView(standing(), record)).toMatchObject({ maintenance: false, isFollowed: false })
  expect(nodeOrdersView(standing(), RECORD)).toMatchObject({ isFollowed: true })
})

test('a retired node is quarantined to clients that know no better', () => {
  expect(ownOrderFields(standing(order({ field: 'retire' })))).toEqual({
    quarantined: true,
    maintenance: false,
    maintenance_until_unix_ms: null,
  })
})

test('spans count from the clock of the node that gives the order', () => {
  const asked = newOrder(B, { ...REQUEST, until: { inMs: 1000 }, drainMs: 500 }, NOW)
  expect(asked).toMatchObject({ subject: B, untilUnixMs: NOW + 1000, drainDeadlineUnixMs: NOW + 500 })
  const dated = newOrder(B, { ...REQUEST, until: { atUnixMs: NOW + 9 }, drainMs: undefined }, NOW)
  expect(dated).toMatchObject({ untilUnixMs: NOW + 9, drainDeadlineUnixMs: undefined })
})

test('a peer without a name is shown by its id', () => {
  const nameOf = (peer: string) => (peer === A ? ('attic' as NodeId) : undefined)
  expect(orderView(order(), nameOf)).toMatchObject({
    node: B,
    issuer: 'attic',
    field: 'quarantine',
    on: true,
  })
})
