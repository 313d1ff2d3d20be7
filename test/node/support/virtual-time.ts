/** Virtual time, and the timers of one process in it. Time passes only in `run`. */
import { type BootMs, bootMs, type Clock, type UnixMs, unixMs } from '../../../src/base/index.ts'
import type { Cancel, Scheduler } from '../../../src/node/ports.ts'

interface Timer {
  readonly at: number
  /** Of two at one instant, the one that was set first runs first. */
  readonly order: number
  readonly callback: () => void
  isCancelled: boolean
}

/** A clock and the timers that run by it. */
export class VirtualTime implements Clock, Scheduler {
  private at = 1000
  private order = 0
  /** A binary heap: the first one is next. */
  private readonly timers: Timer[] = []

  now(): BootMs {
    return bootMs(this.at)
  }

  wall(): UnixMs {
    return unixMs(1_700_000_000_000 + this.at)
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer = { at: this.at + delayMs, order: ++this.order, callback, isCancelled: false }
    this.push(timer)
    return () => {
      timer.isCancelled = true
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

  /** Lets `ms` pass, timer by timer; between two, whatever was woken up comes to rest. */
  async run(ms: number): Promise<void> {
    const end = this.at + ms
    for (;;) {
      await settle()
      while (this.timers[0]?.isCancelled) this.pop()
      const next = this.timers[0]
      if (next === undefined || next.at > end) break
      this.pop()
      this.at = Math.max(this.at, next.at)
      next.callback()
    }
    this.at = end
    await settle()
  }

  private push(timer: Timer): void {
    let at = this.timers.length
    for (let above = (at - 1) >> 1; at > 0; above = (at - 1) >> 1) {
      const parent = this.timers[above]
      if (parent === undefined || isBefore(parent, timer)) break
      this.timers[at] = parent
      at = above
    }
    this.timers[at] = timer
  }

  /** Takes the first one out. */
  private pop(): void {
    const last = this.timers.pop()
    if (last === undefined || this.timers.length === 0) return
    let at = 0
    for (;;) {
      const [left, right] = [this.timers[2 * at + 1], this.timers[2 * at + 2]]
      const child = left === undefined || (right !== undefined && isBefore(right, left)) ? right : left
      if (child === undefined || isBefore(last, child)) break
      this.timers[at] = child
      at = child === left ? 2 * at + 1 : 2 * at + 2
    }
    this.timers[at] = last
  }

  /** @throws when `condition` does not hold within `ms`. */
  async until(what: string, condition: () => boolean, ms = 20_000): Promise<void> {
    const end = this.at + ms
    while (!condition()) {
      if (this.at >= end) throw new RangeError(`not within ${ms} ms: ${what}`)
      await this.run(10)
    }
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

/** Promises that depend on promises, some turns deep. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** One process. After its end, nothing of it happens any more; while it is stopped (SIGSTOP), everything waits. */
export class Life implements Clock, Scheduler {
  private readonly time: VirtualTime
  private ended = false
  private waiting: (() => void)[] | undefined

  constructor(time: VirtualTime) {
    this.time = time
  }

  get isOver(): boolean {
    return this.ended
  }

  get isStopped(): boolean {
    return this.waiting !== undefined
  }

  end(): void {
    this.ended = true
  }

  /** SIGSTOP. */
  stop(): void {
    this.waiting ??= []
  }

  /** SIGCONT: whatever became due meanwhile comes now. */
  goOn(): void {
    const waiting = this.waiting ?? []
    this.waiting = undefined
    for (const work of waiting) this.time.after(0, () => this.take(work))
  }

  /** Does `work` as soon as the process can. */
  take(work: () => void): void {
    if (this.ended) return
    if (this.waiting === undefined) work()
    else this.waiting.push(work)
  }

  now(): BootMs {
    return this.time.now()
  }

  wall(): UnixMs {
    return this.time.wall()
  }

  after(delayMs: number, callback: () => void): Cancel {
    let isCancelled = false
    const cancel = this.time.after(delayMs, () => this.take(() => (isCancelled ? undefined : callback())))
    return () => {
      isCancelled = true
      cancel()
    }
  }

  /** Does not pile up while the process is stopped. */
  every(periodMs: number, callback: () => void): Cancel {
    let cancel: Cancel = () => undefined
    const again = (): void => {
      cancel = this.after(periodMs, again)
      callback()
    }
    cancel = this.after(periodMs, again)
    return () => cancel()
  }
}
