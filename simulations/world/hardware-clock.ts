/**
 * The clock hardware of one machine: a boot clock that runs a little too fast or too slow and counts on while the machine is
 * suspended or dead, a wall clock that can jump, and timers, which on Linux stand still during a suspend.
 */
import { type BootMs, bootMs, type Clock, type UnixMs, unixMs } from '../../src/base/index.ts'
import type { EventQueue } from './event-queue.ts'

/** Wall clock at the beginning of every world: any value, and the same in each run. */
const EPOCH_UNIX_MS = 1_700_000_000_000

export class HardwareClock implements Clock {
  private readonly queue: EventQueue
  private ratePerMs: number
  private sinceMs = 0
  private bootAtSince: number
  private wallOffsetMs = 0
  private asleepSinceMs: number | undefined
  private sleptMs = 0
  private readonly onWake: (() => void)[] = []

  /** @param rate ms of this clock per ms of real time. @param startMs of the boot clock, when the world begins. */
  constructor(queue: EventQueue, rate: number, startMs: number) {
    this.queue = queue
    this.ratePerMs = rate
    this.bootAtSince = startMs
  }

  get rate(): number {
    return this.ratePerMs
  }

  now(): BootMs {
    return bootMs(this.bootAtSince + (this.queue.nowMs - this.sinceMs) * this.ratePerMs)
  }

  wall(): UnixMs {
    return unixMs(Math.round(EPOCH_UNIX_MS + this.now() + this.wallOffsetMs))
  }

  /** Timers that are set already keep their real time: their rest is short beside what they are for. */
  setRate(rate: number): void {
    this.bootAtSince = this.now()
    this.sinceMs = this.queue.nowMs
    this.ratePerMs = rate
  }

  jumpWall(byMs: number): void {
    this.wallOffsetMs += byMs
  }

  get isAsleep(): boolean {
    return this.asleepSinceMs !== undefined
  }

  /** Real time that this machine has slept through, without the sleep that it is in. */
  get sleptRealMs(): number {
    return this.sleptMs
  }

  suspend(): void {
    this.asleepSinceMs ??= this.queue.nowMs
  }

  wake(): void {
    if (this.asleepSinceMs === undefined) return
    this.sleptMs += this.queue.nowMs - this.asleepSinceMs
    this.asleepSinceMs = undefined
    for (const work of this.onWake.splice(0)) work()
  }

  /** Calls back once, when the machine wakes up. */
  whenAwake(work: () => void): void {
    this.onWake.push(work)
  }
}
