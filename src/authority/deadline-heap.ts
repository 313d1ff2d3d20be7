/**
 * A binary min-heap of deadlines in which each item knows its place, so that a deadline that moves (every renewal moves
 * one) costs O(log n) and leaves nothing behind. Rejected: a heap with stale entries that are skipped when they come up,
 * which at ten thousand short leases a second holds a span's worth of leases that have ended; and queues by TTL, which
 * are O(1) but as many as there are different TTLs.
 */
import type { BootMs } from '../base/index.ts'

export interface Deadline {
  deadline: BootMs
  /** Its index in the heap: the heap's own. */
  place: number
}

export class DeadlineHeap<Item extends Deadline> {
  private readonly items: Item[] = []

  add(item: Item): void {
    item.place = this.items.length
    this.items.push(item)
    this.rise(item)
  }

  /** The item's deadline was changed. */
  moved(item: Item): void {
    this.rise(item)
    this.sink(item)
  }

  remove(item: Item): void {
    const last = this.items.pop()
    if (last === undefined || last === item) return
    this.put(last, item.place)
    this.moved(last)
  }

  /** The items that are due at `now`, at most `countMax`, in no particular order; they stay. */
  due(now: BootMs, countMax: number): readonly Item[] {
    const due: Item[] = []
    // The heap is a tree in which no child is earlier than its parent: what is not due ends the search below it.
    const search = [0]
    for (let place = search.pop(); place !== undefined && due.length < countMax; place = search.pop()) {
      const item = this.items[place]
      if (item === undefined || item.deadline > now) continue
      due.push(item)
      search.push(2 * place + 2, 2 * place + 1)
    }
    return due
  }

  private rise(item: Item): void {
    for (let { place } = item; place > 0; ) {
      const parent = this.items[(place - 1) >> 1]
      if (parent === undefined || parent.deadline <= item.deadline) return
      const above = parent.place
      this.put(parent, place)
      this.put(item, above)
      place = above
    }
  }

  private sink(item: Item): void {
    for (;;) {
      const left = this.items[2 * item.place + 1]
      const right = this.items[2 * item.place + 2]
      const child = right !== undefined && left !== undefined && right.deadline < left.deadline ? right : left
      if (child === undefined || child.deadline >= item.deadline) return
      const { place } = item
      this.put(item, child.place)
      this.put(child, place)
    }
  }

  private put(item: Item, place: number): void {
    this.items[place] = item
    item.place = place
  }
}
