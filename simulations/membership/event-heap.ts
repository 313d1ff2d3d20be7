/**
 * What will happen, earliest first; at one instant in the order in which it was arranged. A binary heap over typed arrays,
 * because a run of a hundred thousand member-hours has some 10⁹ events: an event is five numbers and one reference,
 * and arranging one allocates nothing.
 *
 * Rejected: the event queue of the whole-node simulations (closures, and it waits for promises after each), a timing wheel
 * (nothing gained below 10⁵ waiting events).
 */
import { assert } from '../../src/base/index.ts'

const CAPACITY_AT_FIRST = 1 << 12

export class EventHeap {
  /** The event that `next` took out. */
  kind = 0
  a = 0
  b = 0
  c = 0
  ref: unknown

  /** Of the event that was taken out last. */
  now = 0
  /** Events that were taken out. */
  steps = 0

  private size = 0
  private arranged = 0
  /** The heap: times, order, and which slot holds the rest. */
  private atMs = new Float64Array(CAPACITY_AT_FIRST)
  private order = new Float64Array(CAPACITY_AT_FIRST)
  private slot = new Int32Array(CAPACITY_AT_FIRST)
  /** By slot: kind, a, b, c. */
  private facts = new Int32Array(4 * CAPACITY_AT_FIRST)
  private readonly refs: unknown[] = []
  private readonly free: number[] = []

  /** @param atMs not before `now`. */
  at(atMs: number, kind: number, a: number, b: number, c: number, ref?: unknown): void {
    assert(atMs >= this.now, 'an event in the past')
    if (this.size === this.atMs.length) this.grow()
    const slot = this.free.pop() ?? this.size
    const { facts } = this
    facts[4 * slot] = kind
    facts[4 * slot + 1] = a
    facts[4 * slot + 2] = b
    facts[4 * slot + 3] = c
    this.refs[slot] = ref
    this.arranged += 1
    this.siftUp(this.size, atMs, this.arranged, slot)
    this.size += 1
  }

  /** Takes the next event out; `false`: none before `untilMs`, which is `now` then. */
  next(untilMs: number): boolean {
    if (this.size === 0 || (this.atMs[0] as number) > untilMs) {
      this.now = Math.max(this.now, untilMs)
      return false
    }
    const slot = this.slot[0] as number
    const { facts } = this
    this.now = this.atMs[0] as number
    this.kind = facts[4 * slot] as number
    this.a = facts[4 * slot + 1] as number
    this.b = facts[4 * slot + 2] as number
    this.c = facts[4 * slot + 3] as number
    this.ref = this.refs[slot]
    this.refs[slot] = undefined
    this.free.push(slot)
    this.steps += 1
    this.size -= 1
    if (this.size > 0) this.siftDown()
    return true
  }

  private siftUp(from: number, time: number, order: number, slot: number): void {
    const { atMs } = this
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      // What was arranged later never goes before what happens at the same time.
      if ((atMs[parent] as number) <= time) break
      this.copy(parent, at)
      at = parent
    }
    this.put(at, time, order, slot)
  }

  /** The last one takes the place of the first. */
  private siftDown(): void {
    const { atMs, order, size } = this
    const time = atMs[size] as number
    const rank = order[size] as number
    const slot = this.slot[size] as number
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.isBefore(child + 1, atMs[child] as number, order[child] as number))
        child += 1
      if (!this.isBefore(child, time, rank)) break
      this.copy(child, at)
      at = child
    }
    this.put(at, time, rank, slot)
  }

  private isBefore(at: number, time: number, rank: number): boolean {
    const own = this.atMs[at] as number
    return own < time || (own === time && (this.order[at] as number) < rank)
  }

  private copy(from: number, to: number): void {
    this.atMs[to] = this.atMs[from] as number
    this.order[to] = this.order[from] as number
    this.slot[to] = this.slot[from] as number
  }

  private put(at: number, time: number, order: number, slot: number): void {
    this.atMs[at] = time
    this.order[at] = order
    this.slot[at] = slot
  }

  private grow(): void {
    const capacity = 2 * this.atMs.length
    this.atMs = widened(new Float64Array(capacity), this.atMs)
    this.order = widened(new Float64Array(capacity), this.order)
    this.slot = widened(new Int32Array(capacity), this.slot)
    this.facts = widened(new Int32Array(4 * capacity), this.facts)
  }
}

function widened<Numbers extends Float64Array | Int32Array>(wide: Numbers, narrow: Numbers): Numbers {
  wide.set(narrow)
  return wide
}
