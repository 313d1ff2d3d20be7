import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deadline, DeadlineHeap } from '../../src/authority/deadline-heap.ts'
import { type Lease, LeaseExpiry } from '../../src/authority/index.ts'
import { bootMs, type LeaseId, LIMITS } from '../../src/base/index.ts'
import { A, key, Replica } from './support.ts'

function lease(id: number, ttlMs: number, renewals = 0): Lease {
  return {
    leaseId: id as LeaseId,
    scopeKey: key(String(id)),
    holder: A,
    grantor: A,
    ttlMs,
    grantedUnixMs: 0 as Lease['grantedUnixMs'],
    renewals,
  }
}

const leases = (count: number, ttlMs = 1000): Lease[] =>
  Array.from({ length: count }, (_, at) => lease(at + 1, ttlMs))

describe('expiry of many leases', () => {
  it('10,000 leases due at once end in ⌈10,000/256⌉ entries, one after the other', () => {
    const replica = Replica.withRoster()
    replica.holdsChanges = true
    for (let count = 0; count < LIMITS.leasesMax; count++) replica.grant(A, A, String(count), 1000)
    const expiry = new LeaseExpiry(0.01)
    expiry.begin(replica.machine.leases(), bootMs(0))
    expect(expiry.due(bootMs(1009))).toEqual([])
    const now = bootMs(1010)
    let entries = 0
    for (let batch = expiry.due(now); batch.length > 0; batch = expiry.due(now)) {
      expect(expiry.due(now)).toEqual([])
      const { events } = replica.apply(A, { type: 'lease.expire', term: 1, leases: [...batch] })
      for (const event of events) if (event.type === 'lease-ended') expiry.forget(event.lease.leaseId)
      expiry.settled(batch, 'applied', now)
      entries += 1
    }
    expect(entries).toBe(Math.ceil(LIMITS.leasesMax / LIMITS.expireBatchMax))
    expect(replica.machine.leases()).toEqual([])
  })

  it('while a proposal is under way there is no other, however long it takes', () => {
    const expiry = new LeaseExpiry(0)
    expiry.begin(leases(1000), bootMs(0))
    const batch = expiry.due(bootMs(1000))
    expect(batch).toHaveLength(LIMITS.expireBatchMax)
    expect(expiry.due(bootMs(1e9))).toEqual([])
    expiry.settled(batch, 'applied', bootMs(1e9))
    expect(expiry.due(bootMs(1e9))).toHaveLength(LIMITS.expireBatchMax)
  })

  it('after a proposal that was not accepted there is a pause, then the same leases are due', () => {
    const expiry = new LeaseExpiry(0)
    expiry.begin(leases(1), bootMs(0))
    const batch = expiry.due(bootMs(1000))
    expiry.settled(batch, 'failed', bootMs(1000))
    expect(expiry.due(bootMs(1499))).toEqual([])
    expect(expiry.due(bootMs(1500))).toEqual(batch)
  })

  it('what becomes of a proposal of an earlier leadership changes nothing in the present one', () => {
    const expiry = new LeaseExpiry(0)
    expiry.begin(leases(1), bootMs(0))
    const old = expiry.due(bootMs(1000))
    expiry.end()
    expiry.settled(old, 'failed', bootMs(1000))
    expiry.begin(leases(1), bootMs(1000))
    const batch = expiry.due(bootMs(2000))
    expect(batch).toEqual(old)
    expiry.settled(old, 'applied', bootMs(2000))
    expect(expiry.due(bootMs(2000))).toEqual([])
  })

  it('a node that does not lead keeps no spans', () => {
    const expiry = new LeaseExpiry(0)
    expiry.start(lease(1, 1000), bootMs(0))
    expect(expiry.due(bootMs(5000))).toEqual([])
  })
})

interface Item extends Deadline {
  readonly id: number
}

describe('the heap of deadlines', () => {
  const step = fc.record({ id: fc.nat({ max: 60 }), at: fc.nat({ max: 50 }), isRemoval: fc.boolean() })

  it('tells what is due as a list that is searched from end to end would, after any adds, moves and removals', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300, size: 'max' }), (steps) => {
        const heap = new DeadlineHeap<Item>()
        const items = new Map<number, Item>()
        for (const { id, at, isRemoval } of steps) {
          const known = items.get(id)
          if (known === undefined) {
            const item = { id, deadline: bootMs(at), place: 0 }
            items.set(id, item)
            heap.add(item)
          } else if (isRemoval) {
            items.delete(id)
            heap.remove(known)
          } else {
            known.deadline = bootMs(at)
            heap.moved(known)
          }
        }
        for (let now = 0; now <= 50; now++) {
          const expected = [...items.values()].filter(({ deadline }) => deadline <= now).map(({ id }) => id)
          const ids = (countMax: number) => heap.due(bootMs(now), countMax).map(({ id }) => id)
          expect(ids(1000).sort()).toEqual(expected.sort())
          expect(ids(3)).toHaveLength(Math.min(3, expected.length))
        }
      }),
    )
  })
})
