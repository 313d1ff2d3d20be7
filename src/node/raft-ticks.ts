/**
 * Raft's time: ticks of `tickMs`, of which a server that hears its leader needs almost none. Instead of waking up for each, the node
 * sleeps until the next one that matters, and counts those that have passed when it wakes up or is about to step a message.
 *
 * *A process that stood still has heard nobody, and that is its own fault.* The time that a timer came late does not count: the messages of a
 * living leader are waiting by then, and it must not be taken for dead before they were read. A timer that is late is seen only at
 * its end, so none is longer than a quarter of what is left until the tick that matters (two ticks at least): of a time
 * that was slept through, at most so much counts. For the same reason the tick that matters comes with a timer only, never with a message.
 *
 * Rejected: a timer per tick (40 wake-ups a second, on a cold core 100 µs each: more than everything else that an idle node does); an
 * interval that grows and shrinks without counting (a server that just heard its leader would count time from before).
 */
import { type BootMs, bootMs, type Clock } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'
import type { Cancel, Scheduler } from './ports.ts'

interface RaftTicksInit {
  readonly core: Pick<RaftCore, 'tick' | 'ticksUntilDue'>
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly tickMs: number
  /** Ticks have passed with a timer: the core may have something to do. */
  readonly onTicks: () => void
}

export class RaftTicks {
  private readonly init: RaftTicksInit
  /** Time up to here was given to the core. */
  private countedTo: BootMs
  /** When the timer is due. */
  private wakeAt: BootMs
  private cancel: Cancel | undefined

  constructor(init: RaftTicksInit) {
    this.init = init
    this.countedTo = init.clock.now()
    this.wakeAt = this.countedTo
  }

  start(): void {
    this.countedTo = this.init.clock.now()
    this.wakeAt = this.countedTo
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

  /** Sets the timer anew. After everything that may have changed what the core waits for. */
  wait(): void {
    const { core, clock, scheduler, tickMs } = this.init
    const due = core.ticksUntilDue
    const wakeAt = bootMs(this.countedTo + tickMs * Math.max(Math.min(due, 2), due >> 2))
    if (this.cancel !== undefined && wakeAt === this.wakeAt) return
    this.cancel?.()
    this.wakeAt = wakeAt
    this.cancel = scheduler.after(Math.max(wakeAt - clock.now(), 1), () => {
      this.cancel = undefined
      this.count(Number.POSITIVE_INFINITY)
      this.init.onTicks()
    })
  }

  private count(ticksMax: number): void {
    const { core, clock, tickMs } = this.init
    const now = clock.now()
    const lateMs = now - this.wakeAt
    if (lateMs >= tickMs) {
      this.countedTo = bootMs(this.countedTo + lateMs)
      this.wakeAt = now
    }
    const ticks = Math.min(Math.floor((now - this.countedTo) / tickMs), ticksMax)
    for (let tick = 0; tick < ticks; tick++) core.tick()
    this.countedTo = bootMs(this.countedTo + ticks * tickMs)
  }
}
