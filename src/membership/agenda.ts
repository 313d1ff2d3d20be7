/**
 * What is to be done, and when: a binary heap of timers that know their own place in it, so that setting, moving and
 * cancelling one costs O(log n), and the next due time O(1). A node of a mesh of 1000 has some twenty timers set; after
 * half of a mesh has vanished, hundreds.
 *
 * Rejected: a fixed tick that looks at every member (O(N) each time, and as imprecise as the tick is long); a heap that
 * leaves cancelled timers in it until they come up, which a probe per second that is almost always answered would fill.
 */
import { type BootMs, bootMs } from '../base/index.ts'

const NOT_SET = -1
const NEVER = bootMs(Number.POSITIVE_INFINITY)

export class Timer {
  /** What happens; called once for each time that the timer was set. */
  readonly fire: () => void
  at: BootMs = NEVER
  /** Place in the heap. */
  slot = NOT_SET

  constructor(fire: () => void) {
    this.fire = fire
  }

  get isSet(): boolean {
    return this.slot !== NOT_SET
  }
}

export class Agenda {
  private readonly heap: Timer[] = []

  /** When the next timer is due; infinite without one. */
  get dueAt(): BootMs {
    return this.heap[0]?.at ?? NEVER
  }

  /** Sets `timer`, or moves it. */
  set(timer: Timer, at: BootMs): void {
    timer.at = at
    if (!timer.isSet) {
      timer.slot = this.heap.length
      this.heap.push(timer)
    }
    this.settle(timer)
  }

  cancel(timer: Timer): void {
    const { slot } = timer
    if (slot === NOT_SET) return
    timer.slot = NOT_SET
    const last = this.heap.pop()
    if (last === undefined || last === timer) return
    this.heap[slot] = last
    last.slot = slot
    this.settle(last)
  }

  /** Takes one timer that is due out of the agenda. */
  takeDue(now: BootMs): Timer | undefined {
    const first = this.heap[0]
    if (first === undefined || first.at > now) return undefined
    this.cancel(first)
    return first
  }

  clear(): void {
    for (const timer of this.heap.splice(0)) timer.slot = NOT_SET
  }

  private settle(timer: Timer): void {
    this.rise(timer)
    this.sink(timer)
  }

  private rise(timer: Timer): void {
    while (timer.slot > 0) {
      const parent = this.heap[(timer.slot - 1) >> 1]
      if (parent === undefined || parent.at <= timer.at) return
      this.swap(timer, parent)
    }
  }

  private sink(timer: Timer): void {
    for (;;) {
      const left = this.heap[2 * timer.slot + 1]
      if (left === undefined) return
      const right = this.heap[2 * timer.slot + 2]
      const child = right !== undefined && right.at < left.at ? right : left
      if (timer.at <= child.at) return
      this.swap(timer, child)
    }
  }

  private swap(one: Timer, other: Timer): void {
    const { slot } = one
    one.slot = other.slot
    other.slot = slot
    this.heap[one.slot] = one
    this.heap[slot] = other
  }
}
