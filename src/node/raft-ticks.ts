/**
 * Raft's time: ticks of `tickMs`, of which a server that hears its leader needs almost none. Instead of waking up for each, the node
 * sleeps until the next one that matters, and counts those that have passed when it wakes up or is about to step a message.
 *
 * *A process that stood still has heard nobody, and that is its own fault.* The time that a timer came late does not count: the messages of a
 * living leader are waiting by then, and it must not be taken for dead before they were read. A timer that is late is seen only at
 * its end, so none is longer than half of what is left until the tick that matters (two ticks at least): of a time
 * that was slept through, at most so much counts. For the same reason the tick that matters comes with a timer only, never with a message.
 *
 * A timer that turns out to be too early is set again when it comes, which is rarer than messages are.
 *
 * Rejected: a timer per tick (40 wake-ups a second, on a cold core 100 µs each: more than everything else that an idle node does); an
 * interval that grows and shrinks without counting (a server that just heard its leader would count time from before).
 */
import type { RaftCore } from '../raft/index.ts'
import type { Cancel, Scheduler } from './ports.ts'

interface RaftTicksInit {
  readonly core: Pick<RaftCore, 'tick' | 'ticksUntilDue'>
  readonly scheduler: Scheduler
  readonly tickMs: number
  /** Ticks have passed with a timer: the core may have something to do. */
  readonly onTicks: () => void
}

export class RaftTicks {
  private readonly init: RaftTicksInit
  /** Time up to here was given to the core. */
  private countedTo = 0
  /** When the timer is due. */
  private wakeAt = 0
  private cancel: Cancel | undefined

  constructor(init: RaftTicksInit) {
    this.init = init
  }

  start(): void {
    this.countedTo = this.init.scheduler.now()
    this.wait()
  }

  stop(): void {
    this.cancel?.()
    this.cancel = undefined
  }

  /** Before the core is given a message: it should know how long it has waited for it. */
  catchUp(): void {
    this.count(this.init.core.ticksUntilDue - 1)
  }

  /** After everything that may have changed what the core waits for. */
  wait(): void {
    const { core, scheduler, tickMs } = this.init
    const due = core.ticksUntilDue
    const wakeAt = this.countedTo + tickMs * Math.max(Math.min(due, 2), due >> 1)
    if (this.cancel !== undefined && this.wakeAt <= wakeAt) return
    this.cancel?.()
    this.wakeAt = wakeAt
    // Whole milliseconds, rounded up: a runtime's timers round down, and would call too early.
    this.cancel = scheduler.after(Math.max(Math.ceil(wakeAt - scheduler.now()), 1), () => {
      this.cancel = undefined
      this.count(Number.POSITIVE_INFINITY)
      this.init.onTicks()
    })
  }

  private count(ticksMax: number): void {
    const { core, scheduler, tickMs } = this.init
    const now = scheduler.now()
    const lateMs = now - this.wakeAt
    if (lateMs >= tickMs) {
      this.countedTo += lateMs
      this.wakeAt = now
    }
    const ticks = Math.min(Math.floor((now - this.countedTo) / tickMs), ticksMax)
    for (let tick = 0; tick < ticks; tick++) core.tick()
    this.countedTo += ticks * tickMs
  }
}
