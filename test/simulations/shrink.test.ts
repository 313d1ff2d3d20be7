import { describe, expect, it } from 'vitest'
import { shrink } from '../../simulations/shrink.ts'

const range = (count: number) => Array.from({ length: count }, (_, at) => at)

describe('shrinking a schedule', () => {
  it('finds the two faults of forty that a failure needs', async () => {
    const needs = async (kept: readonly number[]) => kept.includes(7) && kept.includes(31)
    const { items, runs } = await shrink(range(40), needs, 200)
    expect(items).toEqual([7, 31])
    expect(runs).toBeLessThan(60)
  })

  it('finds that a failure needs no fault at all', async () => {
    const { items } = await shrink(range(10), async () => true, 100)
    expect(items).toEqual([])
  })

  it('keeps everything when everything is needed', async () => {
    const { items } = await shrink(range(6), async (kept) => kept.length === 6, 100)
    expect(items).toEqual(range(6))
  })

  it('asks no more often than it may, and gives the smallest that it knows to fail', async () => {
    let asked = 0
    const needs = async (kept: readonly number[]) => {
      asked += 1
      return kept.includes(99)
    }
    const { items, runs } = await shrink(range(100), needs, 3)
    expect([asked, runs]).toEqual([3, 3])
    expect(items).toContain(99)
    expect(items.length).toBeLessThan(100)
  })
})
