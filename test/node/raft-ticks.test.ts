import { expect, test } from 'vitest'
import { RaftTicks } from '../../src/node/raft-ticks.ts'

const TICK_MS = 25

/** A core that does something each `period` ticks after it was last heard, one timer, and a clock that the test moves. */
class World {
  readonly ticks: RaftTicks
  now = 1000
  elapsed = 0
  wakeUps = 0
  /** When the core acted. */
  readonly acted: number[] = []
  private readonly period: number
  private timer: { readonly at: number; readonly callback: () => void } | undefined

  constructor(period: number) {
    this.period = period
    this.ticks = new RaftTicks({
      core: this,
      scheduler: {
        now: () => this.now,
        after: (delayMs, callback) => {
          this.timer = { at: this.now + delayMs, callback }
          return () => {
            this.timer = undefined
          }
        },
        every: () => () => undefined,
      },
      tickMs: TICK_MS,
      onTicks: () => this.ticks.wait(),
    })
    this.ticks.start()
  }

  get ticksUntilDue(): number {
    return this.period - this.elapsed
  }

  tick(): void {
    this.elapsed++
    if (this.elapsed < this.period) return
    this.elapsed = 0
    this.acted.push(this.now)
  }

  /** A message after which the core waits anew. */
  hear(): void {
    this.ticks.catchUp()
    this.elapsed = 0
    this.ticks.wait()
  }

  /** Time passes, and timers come when they are due. */
  run(ms: number): void {
    const end = this.now + ms
    while (this.timer !== undefined && this.timer.at <= end) this.fire(this.timer.at)
    this.now = end
  }

  /** The process stands still; then the timer that has become due comes first. */
  stall(ms: number): void {
    this.now += ms
    if (this.timer !== undefined && this.timer.at <= this.now) this.fire(this.now)
  }

  get isTimerSet(): boolean {
    return this.timer !== undefined
  }

  private fire(at: number): void {
    const { timer } = this
    this.timer = undefined
    this.now = Math.max(this.now, at)
    this.wakeUps++
    timer?.callback()
  }
}

test.each([1, 2, 3, 12, 23, 120])('what is due after %i ticks comes after so many, each time', (period) => {
  const world = new World(period)
  world.run(3 * period * TICK_MS)
  expect(world.acted).toEqual([1, 2, 3].map((time) => 1000 + time * period * TICK_MS))
})

test('a long wait is slept through in a few pieces', () => {
  const world = new World(120)
  world.run(120 * TICK_MS)
  expect(world.acted).toHaveLength(1)
  expect(world.wakeUps).toBeLessThan(20)
})

test('who hears in time needs few timers', () => {
  const world = new World(12)
  for (let heard = 0; heard < 100; heard++) {
    world.run(2 * TICK_MS)
    world.hear()
  }
  expect(world.acted).toEqual([])
  expect(world.wakeUps).toBeLessThan((2 * 100 * 2) / 6)
})

test('the wait begins with what was heard last, to the tick', () => {
  const world = new World(12)
  world.run(2.6 * TICK_MS)
  world.hear()
  world.run(20 * TICK_MS)
  // Heard in the middle of the third tick.
  expect(world.acted).toEqual([1000 + (2 + 12) * TICK_MS])
})

test('time that a process stood still does not count, beyond what it meant to sleep', () => {
  const world = new World(12)
  world.stall(60_000)
  expect([world.acted, world.elapsed]).toEqual([[], 6])
  world.run(6 * TICK_MS)
  expect(world.acted).toEqual([61_000 + 6 * TICK_MS])
})

test('after a stall, messages that waited come before what is due', () => {
  const world = new World(12)
  world.run(10 * TICK_MS)
  world.now += 5000
  world.hear()
  expect(world.acted).toEqual([])
  world.run(11 * TICK_MS)
  expect(world.acted).toEqual([])
})

test('nothing is waited for after the end', () => {
  const world = new World(12)
  world.ticks.stop()
  expect(world.isTimerSet).toBe(false)
})
