/** Virtual time, and the timers of one process in it. Time passes only in `run`. */
import { type BootMs, bootMs, type Clock, type UnixMs, unixMs } from '../../../src/base/index.ts'
import type { Cancel, Scheduler } from '../../../src/node/ports.ts'

/** A clock and the timers that run by it. */
export class VirtualTime implements Clock, Scheduler {
  private at = 1000
  private order = 0
  private readonly timers = new Map<number, { at: number; callback: () => void }>()

  now(): BootMs {
    return bootMs(this.at)
  }

  wall(): UnixMs {
    return unixMs(1_700_000_000_000 + this.at)
  }

  after(delayMs: number, callback: () => void): Cancel {
    const id = ++this.order
    this.timers.set(id, { at: this.at + delayMs, callback })
    return () => this.timers.delete(id)
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
      let next: { id: number; at: number; callback: () => void } | undefined
      for (const [id, timer] of this.timers) {
        if (timer.at <= end && (next === undefined || timer.at < next.at)) next = { id, ...timer }
      }
      if (next === undefined) break
      this.timers.delete(next.id)
      this.at = Math.max(this.at, next.at)
      next.callback()
    }
    this.at = end
    await settle()
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
