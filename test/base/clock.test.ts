import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ClockSource, SystemClock } from '../../src/base/index.ts'

/** A machine whose monotonic clock stands still while it sleeps, and whose uptime counts in steps of 10 ms. */
class Machine implements ClockSource {
  private awakeMs: number
  private asleepMs: number
  wall = 1_700_000_000_000.4

  constructor(awakeMs: number, asleepMs = 0) {
    this.awakeMs = awakeMs
    this.asleepMs = asleepMs
  }

  run(ms: number): void {
    this.awakeMs += ms
    this.wall += ms
  }

  suspend(ms: number): void {
    this.asleepMs += ms
    this.wall += ms
  }

  monotonicMs(): number {
    return this.awakeMs
  }

  uptimeMs(): number {
    return Math.floor((this.awakeMs + this.asleepMs) / 10) * 10
  }

  wallMs(): number {
    return this.wall
  }
}

/** Of sums of some dozen doubles. */
const ROUNDING_MS = 1e-6

describe('a clock that counts suspended time', () => {
  test('while the machine is awake it follows the monotonic clock to the fraction of a millisecond', () => {
    const machine = new Machine(5000)
    const clock = new SystemClock(machine)
    const start = clock.now()
    machine.run(0.25)
    expect(clock.now() - start).toBeCloseTo(0.25, 6)
    machine.run(123.5)
    expect(clock.now() - start).toBeCloseTo(123.75, 6)
  })

  test('time that the machine sleeps counts: a lease of 120 s ends during a sleep of an hour', () => {
    const machine = new Machine(5000)
    const clock = new SystemClock(machine)
    const start = clock.now()
    machine.run(1000)
    machine.suspend(3_600_000)
    expect(clock.now() - start).toBeGreaterThanOrEqual(3_601_000 - 10)
    expect(clock.now() - start).toBeLessThanOrEqual(3_601_000 + 10)
  })

  test('a sleep before the process started is part of the time since boot', () => {
    const clock = new SystemClock(new Machine(5000, 60_000))
    expect(clock.now()).toBeGreaterThanOrEqual(65_000 - 10)
    expect(clock.now()).toBeLessThanOrEqual(65_000 + 10)
  })

  test('two processes of one machine agree within a coarse step, one started before and one after a sleep', () => {
    const machine = new Machine(5003)
    const older = new SystemClock(machine)
    machine.suspend(10_007)
    older.now()
    machine.run(4)
    const younger = new SystemClock(machine)
    expect(Math.abs(older.now() - younger.now())).toBeLessThanOrEqual(10)
  })

  test('without a past sleep two processes agree exactly, whatever the phase of the coarse steps', () => {
    const machine = new Machine(5009.9)
    const older = new SystemClock(machine)
    machine.run(3.3)
    expect(new SystemClock(machine).now()).toBe(older.now())
  })

  test('a sleep is noticed at the latest a millisecond of waking time after it', () => {
    const machine = new Machine(5000)
    const clock = new SystemClock(machine)
    machine.run(5)
    clock.now()
    machine.suspend(60_000)
    machine.run(0.5)
    expect(clock.now()).toBeLessThan(6000)
    machine.run(0.5)
    expect(clock.now()).toBeGreaterThanOrEqual(65_000)
  })

  test('over any course of running and sleeping it never goes back and stays within 25 ms of the truth per sleep', () => {
    const step = fc.record({ ms: fc.double({ min: 0, max: 1e6, noNaN: true }), sleeps: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
        const machine = new Machine(1000)
        const clock = new SystemClock(machine)
        let [last, truth, sleeps] = [clock.now(), 1000, 0]
        for (const { ms, sleeps: asleep } of steps) {
          if (asleep) machine.suspend(ms)
          else machine.run(ms)
          // Readings within a millisecond share one look at the uptime.
          machine.run(1)
          truth += ms + 1
          sleeps += asleep ? 1 : 0
          const now = clock.now()
          expect(now).toBeGreaterThanOrEqual(last)
          expect(Math.abs(now - truth)).toBeLessThanOrEqual(25 * sleeps + 10 + ROUNDING_MS)
          last = now
        }
      }),
    )
  })

  test('a wall clock that is set back moves nothing but the wall time', () => {
    const machine = new Machine(5000)
    const clock = new SystemClock(machine)
    const start = clock.now()
    machine.wall -= 86_400_000
    machine.run(5)
    expect(clock.now() - start).toBeCloseTo(5, 6)
    expect(clock.wall()).toBe(1_699_913_600_005)
  })
})

describe('the clock of this machine', () => {
  test('never goes back and counts from the start of the machine', () => {
    const clock = new SystemClock()
    let last = clock.now()
    expect(last).toBeGreaterThan(0)
    for (let reading = 0; reading < 10_000; reading++) {
      const now = clock.now()
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
    }
  })

  test('tells the wall time in whole milliseconds since 1970', () => {
    const before = Date.now()
    const wall = new SystemClock().wall()
    expect(Number.isInteger(wall)).toBe(true)
    expect(wall).toBeGreaterThanOrEqual(before)
    expect(wall).toBeLessThanOrEqual(Date.now() + 1)
  })
})
