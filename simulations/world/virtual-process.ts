/**
 * One process on a machine: what its timers and its input do while the machine is suspended, while the process itself stands
 * still (a garbage collection, SIGSTOP, a starved CPU), and after its end.
 *
 * - Suspended: a timer's rest is what it was; input waits. (The network sees to what a peer takes a silent machine for.)
 * - Standing still: what is due waits, and happens at once and in order when the process goes on.
 * - Over: nothing of it happens any more, and what it awaited never comes.
 */
import type { BootMs, Clock, UnixMs } from '../../src/base/index.ts'
import type { Cancel, Scheduler } from '../../src/node/index.ts'
import type { EventQueue } from './event-queue.ts'
import type { HardwareClock } from './hardware-clock.ts'

interface Timer {
  /** What the machine had slept when the timer was set, or last moved. */
  sleptMs: number
  dueMs: number
  work: (() => void) | undefined
}

export class VirtualProcess implements Clock, Scheduler {
  private readonly queue: EventQueue
  private readonly clock: HardwareClock
  /** What an error that nothing caught does: it ends a real process. */
  private readonly uncaught: (thrown: unknown) => void
  private over = false
  private stalledUntilMs = 0
  private readonly backlog: (() => void)[] = []
  private isGoingOn = false

  constructor(queue: EventQueue, clock: HardwareClock, uncaught: (thrown: unknown) => void) {
    this.queue = queue
    this.clock = clock
    this.uncaught = uncaught
  }

  get isOver(): boolean {
    return this.over
  }

  end(): void {
    this.over = true
    this.backlog.length = 0
  }

  now(): BootMs {
    return this.clock.now()
  }

  wall(): UnixMs {
    return this.clock.wall()
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = {
      sleptMs: this.clock.sleptRealMs,
      dueMs: this.queue.nowMs + Math.max(0, delayMs) / this.clock.rate,
      work: callback,
    }
    this.arm(timer)
    return () => {
      timer.work = undefined
    }
  }

  every(periodMs: number, callback: () => void): Cancel {
    let cancel: Cancel = () => undefined
    const again = (): void => {
      cancel = this.after(periodMs, again)
      callback()
    }
    cancel = this.after(periodMs, again)
    return () => cancel()
  }

  /** Input from outside: happens now, or when the process goes on. */
  take(work: () => void): void {
    if (this.over) return
    if (this.isHeldUp || this.backlog.length > 0) this.backlog.push(work)
    else this.run(work)
  }

  /** Stands still for `ms` of real time. */
  stall(ms: number): void {
    const untilMs = this.queue.nowMs + ms
    if (untilMs <= this.stalledUntilMs) return
    this.stalledUntilMs = untilMs
    this.queue.after(ms, () => this.goOn())
  }

  /** Whatever held it up but sleep is over. */
  heal(): void {
    this.stalledUntilMs = 0
    this.goOn()
  }

  /** The machine woke up, or the process was let go on: what waited happens, each to its end before the next. */
  goOn(): void {
    if (this.over || this.isHeldUp || this.isGoingOn) return
    const work = this.backlog[0]
    if (work === undefined) return
    this.isGoingOn = true
    this.run(work)
    this.queue.after(0, () => {
      this.isGoingOn = false
      this.backlog.shift()
      this.goOn()
    })
  }

  private get isHeldUp(): boolean {
    return this.clock.isAsleep || this.queue.nowMs < this.stalledUntilMs
  }

  private arm(timer: Timer): void {
    this.queue.after(timer.dueMs - this.queue.nowMs, () => this.fire(timer))
  }

  private fire(timer: Timer): void {
    if (this.over || timer.work === undefined) return
    if (this.clock.isAsleep) return this.clock.whenAwake(() => this.fire(timer))
    const slept = this.clock.sleptRealMs - timer.sleptMs
    if (slept > 0) {
      timer.dueMs += slept
      timer.sleptMs += slept
      if (timer.dueMs > this.queue.nowMs) return this.arm(timer)
    }
    this.take(() => timer.work?.())
  }

  private run(work: () => void): void {
    try {
      work()
    } catch (thrown) {
      this.uncaught(thrown)
    }
  }
}
