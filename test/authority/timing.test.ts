import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeldLease, type Lease, LeaseExpiry, planLease } from '../../src/authority/index.ts'
import { bootMs, type LeaseId } from '../../src/base/index.ts'
import { A, key } from './support.ts'

const budget = { graceMs: 500, proofMs: 250 }

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

describe('the timing argument', () => {
  it('holder is quiet before the leader expires, for any delay, TTL and clock rates within the drift bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 3_600_000 }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.double({ min: 0, max: 100_000, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.double({ min: -1, max: 1, noNaN: true }),
        (ttlMs, sentReal, delay, holderDrift, leaderDrift) => {
          // Each clock's rate differs from real time by less than the bound.
          const rho = 0.01
          const holderRate = 1 + holderDrift * rho * 0.999
          const leaderRate = 1 + leaderDrift * rho * 0.999
          const { quietBy } = planLease(bootMs(sentReal * holderRate), ttlMs, rho, budget)
          const expiry = new LeaseExpiry(rho)
          const applied = bootMs((sentReal + delay) * leaderRate)
          expiry.begin([], applied)
          expiry.start(lease(1, ttlMs), applied)
          const quietReal = quietBy / holderRate
          // At the moment at which the holder is only just quiet, the leader must not be ready to expire.
          expect(expiry.due(bootMs(quietReal * leaderRate))).toEqual([])
        },
      ),
    )
  })

  it('the leader never proposes expiry before apply + T·(1+ρ), and proposes it then', () => {
    const expiry = new LeaseExpiry(0.01)
    expiry.begin([lease(1, 10_000)], bootMs(0))
    expect(expiry.due(bootMs(10_099.9))).toEqual([])
    expect(expiry.due(bootMs(10_100))).toEqual([{ leaseId: 1, renewals: 0 }])
  })

  it('a renewal starts the span anew, an ended lease is not expired', () => {
    const expiry = new LeaseExpiry(0)
    expiry.begin([lease(1, 1000), lease(2, 1000)], bootMs(0))
    expiry.start(lease(1, 1000, 1), bootMs(500))
    expiry.forget(2 as LeaseId)
    expect(expiry.due(bootMs(1499))).toEqual([])
    expect(expiry.due(bootMs(1500))).toEqual([{ leaseId: 1, renewals: 1 }])
  })

  it('a new leader restarts every span, a replaced one expires nothing', () => {
    const expiry = new LeaseExpiry(0)
    expiry.begin([lease(1, 1000)], bootMs(0))
    expiry.end()
    expect(expiry.due(bootMs(5000))).toEqual([])
    expiry.begin([lease(1, 1000)], bootMs(5000))
    expect(expiry.due(bootMs(5999))).toEqual([])
    expect(expiry.due(bootMs(6000))).toHaveLength(1)
  })
})

describe('a held lease', () => {
  const held = () =>
    new HeldLease({ leaseId: 1 as LeaseId, ttlMs: 9000, sentAt: bootMs(0), driftRatio: 0.01, budget })

  it('plans its end backwards from the time at which it must be quiet', () => {
    expect(held().plan).toEqual({ renewAt: 3000, termAt: 8160, killAt: 8660, quietBy: 8910 })
  })

  it('renews at a third, asks again while no answer comes, and counts a renewal from its sending', () => {
    const lease = held()
    expect(lease.tick(bootMs(2999))).toBe('none')
    expect(lease.tick(bootMs(3000))).toBe('renew')
    expect(lease.tick(bootMs(3001))).toBe('none')
    expect(lease.tick(bootMs(3750))).toBe('renew')
    lease.renewed(bootMs(3000))
    expect(lease.plan.quietBy).toBe(3000 + 8910)
    expect(lease.tick(bootMs(5999))).toBe('none')
  })

  it('that was revoked stops now, with its usual grace, and is quiet earlier than its span would end', () => {
    const lease = held()
    lease.revoked(bootMs(4000))
    expect(lease.tick(bootMs(4000))).toBe('revoked')
    expect(lease.plan).toMatchObject({ termAt: 4000, killAt: 4500, quietBy: 4750 })
  })

  it('that was revoked near its end is quiet by the end of its span all the same', () => {
    const lease = held()
    lease.revoked(bootMs(8300))
    expect(lease.plan).toMatchObject({ termAt: 8160, killAt: 8660, quietBy: 8910 })
  })

  it('that has ended is not revived: no later answer moves its plan', () => {
    for (const end of ['refused', 'revoked', 'late'] as const) {
      const lease = held()
      if (end === 'refused') lease.refused()
      if (end === 'revoked') lease.revoked(bootMs(4000))
      if (end === 'late') lease.tick(bootMs(8200))
      const before = lease.plan
      lease.renewed(bootMs(8000))
      expect(lease.plan).toEqual(before)
      expect(lease.tick(bootMs(8300))).toBe(end === 'revoked' ? 'revoked' : 'lost')
    }
  })

  it('whose renewal is answered after a suspension goes on if the renewal was sent late enough, else it is lost', () => {
    const lease = held()
    lease.renewed(bootMs(3000))
    expect(lease.tick(bootMs(11_000))).toBe('renew')
    const other = held()
    other.renewed(bootMs(3000))
    expect(other.tick(bootMs(60_000))).toBe('lost')
  })

  it('is lost when it is refused, and when the time to stop has come', () => {
    const refused = held()
    refused.refused()
    expect(refused.tick(bootMs(1))).toBe('lost')
    expect(held().tick(bootMs(8160))).toBe('lost')
  })

  it('an answer that comes out of order does not shorten the plan', () => {
    const lease = held()
    lease.renewed(bootMs(5000))
    lease.renewed(bootMs(4000))
    expect(lease.plan.quietBy).toBe(5000 + 8910)
  })

  it('a TTL too short for the whole budget keeps KILL before the proof, and gives up grace first', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1000, max: 5000 }),
        fc.integer({ min: 0, max: 20_000 }),
        (ttlMs, graceMs) => {
          const plan = planLease(bootMs(0), ttlMs, 0.01, { graceMs, proofMs: 250 })
          expect(plan.termAt).toBeLessThanOrEqual(plan.killAt)
          expect(plan.killAt + 250).toBeCloseTo(plan.quietBy)
          expect(plan.termAt).toBeGreaterThanOrEqual(plan.renewAt)
        },
      ),
    )
  })
})
