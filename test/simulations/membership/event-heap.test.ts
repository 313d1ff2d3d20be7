import { describe, expect, it } from 'vitest'
import { EventHeap } from '../../../simulations/membership/event-heap.ts'
import { Random } from '../../../src/base/index.ts'

describe('the heap of events', () => {
  it('gives 20,000 events back in the order of their times, and of their arrangement at one time', () => {
    const random = new Random(1)
    const heap = new EventHeap()
    const arranged: { atMs: number; a: number }[] = []
    const taken: { atMs: number; a: number }[] = []
    const arrange = (): void => {
      const event = { atMs: heap.now + random.integer(0, 500), a: arranged.length }
      arranged.push(event)
      heap.at(event.atMs, 1, event.a, 2, 3, event)
    }
    for (let count = 0; count < 10_000; count += 1) arrange()
    while (heap.next(Number.POSITIVE_INFINITY)) {
      expect(heap.ref).toEqual({ atMs: heap.now, a: heap.a })
      taken.push({ atMs: heap.now, a: heap.a })
      if (arranged.length < 20_000) arrange()
    }
    expect(heap.steps).toBe(20_000)
    expect(taken).toEqual([...arranged].sort((one, other) => one.atMs - other.atMs || one.a - other.a))
  })

  it('stops before a time, and is there then', () => {
    const heap = new EventHeap()
    heap.at(10, 7, 1, 2, 3)
    expect(heap.next(9.5)).toBe(false)
    expect(heap.now).toBe(9.5)
    expect(heap.next(10)).toBe(true)
    expect([heap.kind, heap.a, heap.b, heap.c, heap.now]).toEqual([7, 1, 2, 3, 10])
  })

  it('takes no event of the past', () => {
    const heap = new EventHeap()
    heap.at(5, 1, 0, 0, 0)
    heap.next(5)
    expect(() => heap.at(4, 1, 0, 0, 0)).toThrow(/past/)
  })
})
