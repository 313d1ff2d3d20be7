import { describe, expect, it } from 'vitest'
import { EventQueue } from '../../../simulations/world/event-queue.ts'
import { HardwareClock } from '../../../simulations/world/hardware-clock.ts'
import { VirtualProcess } from '../../../simulations/world/virtual-process.ts'

function machine(rate = 1) {
  const queue = new EventQueue()
  const clock = new HardwareClock(queue, rate, 1000)
  const uncaught: unknown[] = []
  const process = new VirtualProcess(queue, clock, (thrown) => uncaught.push(thrown))
  return { queue, clock, process, uncaught }
}

describe('a suspended machine', () => {
  it('counts the time that it slept on its boot clock, and its timers keep their rest', async () => {
    const { queue, clock, process } = machine()
    const fired: number[] = []
    process.after(100, () => fired.push(queue.nowMs))
    queue.after(40, () => clock.suspend())
    queue.after(1040, () => clock.wake())
    await queue.run(5000)
    expect(fired).toEqual([1100])
    expect(process.now()).toBe(6000)
  })

  it('takes what waited for it when it wakes up, in order', async () => {
    const { queue, clock, process } = machine()
    const seen: string[] = []
    clock.suspend()
    for (const name of ['a', 'b', 'c']) queue.after(1, () => process.take(() => seen.push(name)))
    queue.after(500, () => {
      clock.wake()
      process.goOn()
    })
    await queue.run(499)
    expect(seen).toEqual([])
    await queue.run(500)
    expect(seen).toEqual(['a', 'b', 'c'])
  })
})

describe('a process that stands still', () => {
  it('does what was due at once and in order when it goes on, while its clock ran on', async () => {
    const { queue, process } = machine()
    const seen: string[] = []
    process.after(10, () => seen.push(`timer@${process.now()}`))
    queue.after(5, () => process.stall(100))
    queue.after(20, () => process.take(() => seen.push(`input@${process.now()}`)))
    await queue.run(200)
    expect(seen).toEqual(['timer@1105', 'input@1105'])
  })

  it('does nothing twice when two things let it go on at one instant', async () => {
    const { queue, process } = machine()
    const seen: string[] = []
    queue.after(1, () => process.stall(100))
    queue.after(2, () => process.take(() => seen.push('input')))
    queue.after(50, () => {
      process.heal()
      process.heal()
    })
    await queue.run(200)
    expect(seen).toEqual(['input'])
  })

  it('fires a repeated timer once after a stall, not once for each that was missed', async () => {
    const { queue, process } = machine()
    const fired: number[] = []
    process.every(10, () => fired.push(queue.nowMs))
    queue.after(15, () => process.stall(50))
    await queue.run(80)
    expect(fired).toEqual([10, 65, 75])
  })
})

describe('a process', () => {
  it('has timers by a clock that runs at its own rate', async () => {
    const { queue, process } = machine(2)
    const fired: number[] = []
    process.after(100, () => fired.push(queue.nowMs))
    await queue.run(200)
    expect(fired).toEqual([50])
    expect(process.now()).toBe(1400)
  })

  it('does nothing any more after its end', async () => {
    const { queue, process } = machine()
    const seen: string[] = []
    process.after(10, () => seen.push('timer'))
    process.end()
    process.take(() => seen.push('input'))
    await queue.run(100)
    expect(seen).toEqual([])
  })

  it('reports an error that nothing caught', async () => {
    const { queue, process, uncaught } = machine()
    process.after(1, () => {
      throw new RangeError('nobody catches this')
    })
    await queue.run(10)
    expect(uncaught).toEqual([new RangeError('nobody catches this')])
  })
})
