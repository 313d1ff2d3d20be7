import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { compareTimes, HybridClock } from '../../src/membership/hybrid-clock.ts'

const anyTime = fc.record({ wallMs: fc.nat(1000), counter: fc.nat(3) })

describe('hybrid logical time', () => {
  it('is the wall clock, as long as that moves on', () => {
    const clock = new HybridClock()
    expect(clock.next(1000)).toEqual({ wallMs: 1000, counter: 0 })
    expect(clock.next(1001)).toEqual({ wallMs: 1001, counter: 0 })
  })

  it('two times within one millisecond differ by the counter', () => {
    const clock = new HybridClock()
    expect([clock.next(1000), clock.next(1000)]).toEqual([
      { wallMs: 1000, counter: 0 },
      { wallMs: 1000, counter: 1 },
    ])
  })

  it('a clock that is an hour behind gives a later time than the one that it has seen', () => {
    const clock = new HybridClock()
    clock.observe({ wallMs: 3_600_000, counter: 7 })
    expect(clock.next(0)).toEqual({ wallMs: 3_600_000, counter: 8 })
  })

  it('a counter at its limit goes on in the next millisecond', () => {
    const clock = new HybridClock()
    clock.observe({ wallMs: 1000, counter: LIMITS.orderCounterMax })
    expect(clock.next(1000)).toEqual({ wallMs: 1001, counter: 0 })
  })

  it('whatever is observed and whatever the wall clock does, times rise', () => {
    const step = fc.oneof(anyTime, fc.nat(1000))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const clock = new HybridClock()
        const seen = []
        for (const one of steps) {
          if (typeof one === 'object') {
            clock.observe(one)
            seen.push(one)
          } else {
            const next = clock.next(one)
            expect(next.wallMs).toBeGreaterThanOrEqual(one)
            expect(seen.every((before) => compareTimes(next, before) > 0)).toBe(true)
            seen.push(next)
          }
        }
      }),
    )
  })
})
