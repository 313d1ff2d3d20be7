/**
 * Real time of the simulated world, as a queue of events: the next one happens, then everything that it woke up comes to
 * rest, then the next. Time stands still in between, so a simulated hour costs what happens in it.
 *
 * "Comes to rest" is exact and cheap. All of the world's input and output are promises and no macrotask, and Node runs a
 * `nextTick` that was asked for from within a microtask only when no microtask is left. (The usual `setImmediate` does the
 * same for four times the price, because it goes through the event loop.)
 *
 * Events at one instant happen in the order in which they were made: the queue is the only clock and the only scheduler,
 * so two runs with the same seed do the same.
 */
import { assert, present } from '../../src/base/index.ts'

/** The right to take an event back. */
export type Undo = () => void

interface Event {
  readonly atMs: number
  readonly order: number
  /** Absent when it was taken back. */
  work: (() => void) | undefined
}

export class EventQueue {
  private readonly heap: Event[] = []
  private current = 0
  private made = 0
  private done = 0

  /** Milliseconds of real time since the world began. No machine sees it. */
  get nowMs(): number {
    return this.current
  }

  /** Events that have happened. */
  get steps(): number {
    return this.done
  }

  after(delayMs: number, work: () => void): Undo {
    assert(delayMs >= 0, 'nothing happens in the past')
    const event: Event = { atMs: this.current + delayMs, order: ++this.made, work }
    this.heap.push(event)
    this.siftUp(this.heap.length - 1)
    return () => {
      event.work = undefined
    }
  }

  /**
   * Lets everything happen that is due until `untilMs`, and time pass until then.
   * @param observe called after each event, when everything has come to rest; `true` ends the run there.
   */
  async run(untilMs: number, observe: () => boolean = () => false): Promise<void> {
    // From here on this function is a microtask itself, which is what `rest` needs.
    await null
    await rest()
    if (observe()) return
    for (let event = this.take(untilMs); event !== undefined; event = this.take(untilMs)) {
      this.current = event.atMs
      this.done += 1
      event.work?.()
      await rest()
      if (observe()) return
    }
    this.current = Math.max(this.current, untilMs)
  }

  private take(untilMs: number): Event | undefined {
    for (;;) {
      const first = this.heap[0]
      if (first === undefined || first.atMs > untilMs) return undefined
      const last = present(this.heap.pop(), 'the last event')
      if (this.heap.length > 0) {
        this.heap[0] = last
        this.siftDown()
      }
      if (first.work !== undefined) return first
    }
  }

  private siftUp(from: number): void {
    const { heap } = this
    const event = heap[from] as Event
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt] as Event
      if (isBefore(parent, event)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = event
  }

  private siftDown(): void {
    const { heap } = this
    const event = heap[0] as Event
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      if (childAt >= heap.length) break
      const right = heap[childAt + 1]
      if (right !== undefined && isBefore(right, heap[childAt] as Event)) childAt += 1
      const child = heap[childAt] as Event
      if (isBefore(event, child)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = event
  }
}

const isBefore = (one: Event, other: Event): boolean =>
  one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)

const rest = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))
