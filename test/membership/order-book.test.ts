import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS, unixMs } from '../../src/base/index.ts'
import {
  endOf,
  isDrainOver,
  type Order,
  OrderBook,
  obstacleOf,
  readOrder,
} from '../../src/membership/index.ts'
import { A, anyOrder, B, NOW, order } from './order-support.ts'
import { peer } from './support.ts'

const now = unixMs(NOW)

function bookOf(orders: readonly Order[]): OrderBook {
  const book = new OrderBook()
  for (const one of orders) book.merge(one)
  return book
}

/** What two books are compared by, besides their digest. */
const contents = (book: OrderBook): readonly string[] =>
  book
    .list()
    .map(({ signed }) => Buffer.from(signed.statement).toString('hex'))
    .sort()

describe('which order holds', () => {
  it('the later one, for each field by itself', () => {
    const book = bookOf([order(), order({ field: 'retire' })])
    expect(book.merge(order({ wallMs: NOW + 1, on: false }))).toBe('news')
    expect(book.standing(B, now)).toMatchObject({ isQuarantined: false, isRetired: true })
    expect(book.standing(A, now)).toMatchObject({ isQuarantined: false, isRetired: false })
  })

  it('an order of the past changes nothing and is told apart from a repetition of the present', () => {
    const lifted = order({ wallMs: NOW + 1, on: false })
    const book = bookOf([order(), lifted])
    expect(book.merge(order())).toBe('older')
    expect(book.merge(lifted)).toBe('known')
    expect(book.standing(B, now).isQuarantined).toBe(false)
  })

  it.each([
    ['on before off', { on: true }, { on: false }],
    ['without end before one that ends', {}, { untilUnixMs: NOW + 5 }],
    ['the longer one', { untilUnixMs: NOW + 9 }, { untilUnixMs: NOW + 5 }],
    ['with a deadline before one without', { drainDeadlineUnixMs: NOW + 5 }, {}],
    ['the earlier deadline', { drainDeadlineUnixMs: NOW + 5 }, { drainDeadlineUnixMs: NOW + 9 }],
  ])('of two at the same time the stricter: %s', (_, strict, mild) => {
    const stricter = order({ field: 'maintenance', issuer: A, ...strict })
    const milder = order({ field: 'maintenance', issuer: B, ...mild })
    for (const [first, second] of [
      [stricter, milder],
      [milder, stricter],
    ] as const) {
      const book = bookOf([first])
      expect(book.merge(second)).toBe(second === stricter ? 'news' : 'outranked')
      expect(book.list()).toEqual([stricter])
    }
  })

  it('of two at the same time and equally strict, every node takes the same', () => {
    const [one, other] = [order({ issuer: A, reason: 'smoke' }), order({ issuer: B, reason: 'noise' })]
    expect(contents(bookOf([one, other]))).toEqual(contents(bookOf([other, one])))
  })

  it('an admin whose clock is an hour behind lifts what it has seen', () => {
    const book = bookOf([order({ wallMs: NOW + 3_600_000 })])
    const time = book.nextTime(NOW)
    expect(book.merge(order({ ...time, on: false }))).toBe('news')
    expect(book.standing(B, now).isQuarantined).toBe(false)
  })

  it('beyond its limit a book takes nothing about others, but still news of those that it knows', () => {
    const book = new OrderBook()
    const letters = 'abcdefghijkmnopqrstuvwxyz'
    const subjects = Array.from({ length: LIMITS.ordersMax }, (_, at) =>
      peer([625, 25, 1].map((size) => letters[Math.floor(at / size) % 25]).join('')),
    )
    for (const subject of subjects) expect(book.merge(order({ subject }))).toBe('news')
    expect(book.merge(order({ subject: peer('zz9') }))).toBe('full')
    expect(book.merge(order({ subject: subjects[0] ?? A, wallMs: NOW + 1 }))).toBe('news')
  })
})

describe('merging, for any orders', () => {
  it('is commutative and associative: any sequence gives the same book', () => {
    fc.assert(
      fc.property(fc.array(anyOrder, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (orders, keys) => {
        const shuffled = orders
          .map((one) => ({ one, key: keys.next().value ?? 0 }))
          .toSorted((left, right) => left.key - right.key)
          .map(({ one }) => one)
        const [left, right] = [bookOf(orders), bookOf(shuffled)]
        expect(contents(left)).toEqual(contents(right))
        expect(left.digest()).toEqual(right.digest())
      }),
    )
  })

  it('is idempotent: what was merged once changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.array(anyOrder, { maxLength: 12 }), (orders) => {
        const book = bookOf(orders)
        const before = contents(book)
        for (const one of orders) expect(book.merge(one)).not.toBe('news')
        expect(contents(book)).toEqual(before)
      }),
    )
  })

  it('two books that tell each other what their rows lack are equal after one round', () => {
    fc.assert(
      fc.property(
        fc.array(anyOrder, { maxLength: 10 }),
        fc.array(anyOrder, { maxLength: 10 }),
        (one, other) => {
          const [left, right] = [bookOf(one), bookOf(other)]
          const [leftRows, rightRows] = [left.rows(), right.rows()]
          const toRight = left.lackedBy(rightRows)
          const toLeft = right.lackedBy(leftRows)
          expect(left.lacksSomeOf(rightRows)).toBe(toLeft.length > 0)
          for (const sent of toRight) expect(right.merge(sent)).not.toBe('older')
          for (const sent of toLeft) expect(left.merge(sent)).not.toBe('older')
          expect(contents(left)).toEqual(contents(right))
          expect(left.digest()).toEqual(right.digest())
          expect(left.lackedBy(right.rows())).toEqual([])
        },
      ),
    )
  })

  it('books with different contents have different digests', () => {
    fc.assert(
      fc.property(
        fc.array(anyOrder, { maxLength: 6 }),
        fc.array(anyOrder, { maxLength: 6 }),
        (one, other) => {
          const [left, right] = [bookOf(one), bookOf(other)]
          const isSame = contents(left).join() === contents(right).join()
          expect(Buffer.compare(left.digest(), right.digest()) === 0).toBe(isSame)
        },
      ),
    )
  })
})

describe('what the orders about a node come to', () => {
  it('quarantine and retirement bar new work and renewals, the gravest is named', () => {
    const book = bookOf([order({ field: 'retire' }), order({ field: 'maintenance' })])
    expect(obstacleOf(book.standing(B, now))).toBe('retired')
    expect(endOf(book.standing(B, now), now)).toBe('retired')
    book.merge(order())
    expect(obstacleOf(book.standing(B, now))).toBe('quarantined')
  })

  it('maintenance bars new work until its end, by the clock of whoever asks', () => {
    const book = bookOf([order({ field: 'maintenance', untilUnixMs: NOW + 100 })])
    expect(obstacleOf(book.standing(B, unixMs(NOW + 99)))).toBe('maintenance')
    expect(obstacleOf(book.standing(B, unixMs(NOW + 100)))).toBeUndefined()
  })

  it('what runs may go on until the deadline of the drain, and without one for as long as it takes', () => {
    const drained = bookOf([order({ field: 'maintenance', drainDeadlineUnixMs: NOW + 100 })])
    const ends = [99, 100].map((ms) => endOf(drained.standing(B, unixMs(NOW + ms)), unixMs(NOW + ms)))
    expect(ends).toEqual([undefined, 'maintenance'])
    const patient = bookOf([order({ field: 'maintenance' })]).standing(B, now)
    expect(isDrainOver(patient, unixMs(NOW + 1e12))).toBe(false)
  })

  it('a maintenance that is over has no deadline any more', () => {
    const book = bookOf([
      order({ field: 'maintenance', untilUnixMs: NOW + 50, drainDeadlineUnixMs: NOW + 100 }),
    ])
    const later = unixMs(NOW + 100)
    expect(isDrainOver(book.standing(B, later), later)).toBe(false)
  })
})

describe('the bytes of an order', () => {
  it('what was signed is what is read, and what is passed on', () => {
    const given = order({ field: 'maintenance', reason: 'new fan', untilUnixMs: NOW + 5 })
    expect(readOrder(given.signed)).toEqual(given)
    expect(given.says).toMatchObject({ field: 'maintenance', reason: 'new fan', untilUnixMs: NOW + 5 })
  })

  it('a reason at its limit in the longest characters still fits; one beyond is refused', () => {
    const longest = '\u20ac'.repeat(LIMITS.orderReasonCharsMax)
    expect(order({ reason: longest }).says.reason).toBe(longest)
    expect(() => order({ reason: `${longest}x` })).toThrow('malformed admin order')
  })

  it.each([
    ['a version to come', { version: 2 }],
    ['a field that is not known', { field: 'paint' }],
    ['a counter beyond its limit', { counter: LIMITS.orderCounterMax + 1 }],
    ['an end after the year 2100', { untilUnixMs: LIMITS.orderTimeUnixMsMax + 1 }],
    ['an empty reason', { reason: '' }],
  ])('%s is refused', (_, fields) => {
    expect(() => order({ field: 'maintenance', ...(fields as object) })).toThrow('malformed admin order')
  })
})
