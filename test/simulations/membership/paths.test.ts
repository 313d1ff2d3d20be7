import { describe, expect, it } from 'vitest'
import { LAN, type PathQuality, Paths } from '../../../simulations/membership/paths.ts'
import { Random } from '../../../src/base/index.ts'

const paths = (quality: Partial<PathQuality> = {}): Paths =>
  new Paths(3, { ...LAN, ...quality }, new Random(1))

/** Of one message each 10 ms. */
function arrivals(over: Paths, count: number): number[] {
  return Array.from({ length: count }, (_, at) => over.arrivalMs(0, 1, 10 * at))
}

describe('a path', () => {
  it('delivers in order, after the time that its delay takes', () => {
    const got = arrivals(paths(), 10_000)
    expect(got.every((ms, at) => ms > 10 * at && ms >= (got[at - 1] ?? 0))).toBe(true)
    const meanMs = got.reduce((sum, ms, at) => sum + ms - 10 * at, 0) / got.length
    expect(meanMs).toBeGreaterThan(LAN.delayMs[0] + LAN.jitterMs / 2)
    expect(meanMs).toBeLessThan(LAN.delayMs[1] + 3 * LAN.jitterMs)
  })

  it('that drops loses so many of them', () => {
    const lost = arrivals(paths({ lossRatio: 0.2 }), 10_000).filter((ms) => ms < 0).length
    expect(lost / 10_000).toBeCloseTo(0.2, 1)
  })

  it('that sends again loses none: some come 200 ms late or more, and all after them wait', () => {
    const got = arrivals(paths({ lossRatio: 0.05, loss: 'resend' }), 1000)
    const late = got.filter((ms, at) => ms - 10 * at > 200).length
    expect(got.every((ms, at) => ms >= (got[at - 1] ?? 0))).toBe(true)
    expect(late).toBeGreaterThan(0.05 * 1000)
    expect(late).toBeLessThan(1000)
  })

  it('carries nothing while it is cut, in its direction only', () => {
    const over = paths()
    over.cut(0, 1, true)
    expect(over.arrivalMs(0, 1, 0)).toBeLessThan(0)
    expect(over.arrivalMs(1, 0, 0)).toBeGreaterThan(0)
    expect(over.isOpenBothWays(1, 0)).toBe(false)
    over.cut(0, 1, false)
    expect(over.isOpenBothWays(1, 0)).toBe(true)
  })

  it('carries nothing while one machine has no network, or both are in different parts of it', () => {
    const over = paths()
    over.setNetwork(1, false)
    over.setPart(2, 1)
    expect([over.isOpen(0, 1), over.isOpen(1, 0), over.isOpen(0, 2), over.isOpen(2, 0)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})
