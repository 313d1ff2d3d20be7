import { describe, expect, it } from 'vitest'
import { EventQueue } from '../../../simulations/world/event-queue.ts'

describe('the event queue', () => {
  it('lets events happen by time, and those of one instant in the order in which they were made', async () => {
    const queue = new EventQueue()
    const seen: string[] = []
    for (const [delayMs, name] of [
      [20, 'c'],
      [10, 'a'],
      [10, 'b'],
      [30, 'd'],
    ] as const)
      queue.after(delayMs, () => seen.push(`${name}@${queue.nowMs}`))
    await queue.run(25)
    expect(seen).toEqual(['a@10', 'b@10', 'c@20'])
    expect(queue.nowMs).toBe(25)
  })

  it('waits until all that an event woke up has come to rest, however deep its promises are', async () => {
    const queue = new EventQueue()
    const seen: string[] = []
    const deep = async (levels: number): Promise<void> => {
      if (levels > 0) await deep(levels - 1)
    }
    queue.after(1, () => void deep(500).then(() => seen.push('first, to its end')))
    queue.after(1, () => seen.push('second'))
    await queue.run(1)
    expect(seen).toEqual(['first, to its end', 'second'])
  })

  it('forgets an event that was taken back', async () => {
    const queue = new EventQueue()
    const seen: number[] = []
    const undo = queue.after(5, () => seen.push(5))
    queue.after(6, () => seen.push(6))
    undo()
    await queue.run(10)
    expect(seen).toEqual([6])
    expect(queue.steps).toBe(1)
  })

  it('stops where the observer says so', async () => {
    const queue = new EventQueue()
    for (const delayMs of [1, 2, 3]) queue.after(delayMs, () => undefined)
    await queue.run(10, () => queue.nowMs >= 2)
    expect(queue.nowMs).toBe(2)
  })
})
