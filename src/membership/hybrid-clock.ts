/**
 * Hybrid logical time (Kulkarni et al., 2014): the wall clock where it can be trusted to move on, a counter where it cannot.
 *
 * A person looks at an order, disagrees, and gives another one: the second has to win on every machine, also when it is given
 * on a machine whose clock is behind. So each time that was seen is remembered, and the next one is later than all of them. Without
 * that need the times are those of the wall clock, which is what a person expects of "the last word".
 *
 * Rejected: the wall clock alone (a clock that is behind could never lift an order); a Lamport counter alone (of two orders
 * on two sides of a partition it would prefer the side with more history, not the later one).
 */
import { LIMITS } from '../base/index.ts'

export interface HybridTime {
  /** Milliseconds since 1970, by the clock that was furthest ahead. */
  readonly wallMs: number
  /** Tells times with the same `wallMs` apart. */
  readonly counter: number
}

/** Negative when `left` is earlier, 0 when neither is. */
export function compareTimes(left: HybridTime, right: HybridTime): number {
  return left.wallMs - right.wallMs || left.counter - right.counter
}

export class HybridClock {
  private last: HybridTime = { wallMs: 0, counter: 0 }

  /** From now on every time that is given is later than `time`. */
  observe(time: HybridTime): void {
    if (compareTimes(time, this.last) > 0) this.last = { wallMs: time.wallMs, counter: time.counter }
  }

  /** A time later than all that were given or observed, and no earlier than the wall clock. */
  next(wallMs: number): HybridTime {
    const { last } = this
    if (wallMs > last.wallMs) this.last = { wallMs, counter: 0 }
    else if (last.counter < LIMITS.orderCounterMax) this.last = { ...last, counter: last.counter + 1 }
    else this.last = { wallMs: last.wallMs + 1, counter: 0 }
    return this.last
  }
}
