import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeaseWorld, RHO } from './lease-world.ts'

const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 })

function ran(options: { seed: number; driftMax: number }): LeaseWorld {
  const world = new LeaseWorld(options)
  world.run()
  return world
}

describe('holder and leaders in a world of delays, suspensions, lost messages and changes of leader', () => {
  it('clock rates within the bound: the holder is quiet before its lease is expired, and every lease ends', () => {
    let renewals = 0
    fc.assert(
      fc.property(seed, (given) => {
        const world = ran({ seed: given, driftMax: RHO })
        expect(world.endedHow).toBe('expired')
        expect(world.endedAt).toBeGreaterThan(world.executedUntil)
        renewals += world.renewals
      }),
      { numRuns: 2000 },
    )
    expect(renewals).toBeGreaterThan(2000)
  })

  it('clock rates beyond the bound: spans do overlap then, and what the first holder still sends changes nothing', () => {
    let overlaps = 0
    fc.assert(
      fc.property(seed, (given) => {
        const world = ran({ seed: given, driftMax: 0.4 })
        if ((world.endedAt ?? 0) < world.executedUntil) overlaps += 1
        const { first, second, afterwards } = world.takeOver()
        expect(second).toBeGreaterThan(first)
        expect(afterwards).toEqual(['lease.unknown', 'lease.unknown', String(second)])
      }),
      { numRuns: 500 },
    )
    expect(overlaps).toBeGreaterThan(0)
  })
})
