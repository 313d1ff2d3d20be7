/** A slice of what `npm run sim -- --scenario membership` runs at length: fixed seeds, the targets of issue 4. */
import { describe, expect, it } from 'vitest'
import { figuresOf } from '../../../simulations/membership/figures.ts'
import { runMembershipJob } from '../../../simulations/membership/job.ts'
import { type CaseFigures, verdicts } from '../../../simulations/membership/targets.ts'

interface Slice {
  readonly name: string
  readonly nodes: number
  readonly hours: number
  readonly profile?: string
  readonly seed?: number
}

function run({ name, nodes, hours, profile = 'ours', seed = 1 }: Slice): CaseFigures {
  const { outcome } = runMembershipJob({ name, profile, nodes, seed, hours, isTwice: false })
  return { name, profile, nodes, ...figuresOf(outcome) }
}

const missed = (...all: CaseFigures[]): readonly unknown[] => verdicts(all).filter(({ isMet }) => !isMet)

describe('10 members', () => {
  it('a machine that loses its power is known to be dead everywhere within 6 s in the median', () => {
    const figures = run({ name: 'crash-silent', nodes: 10, hours: 0.3 })
    expect(figures.everywhereMs?.samples).toBeGreaterThan(30)
    expect(missed(figures)).toEqual([])
    expect(figures.falseDeaths).toBe(0)
  })

  it('a killed process is known to be dead everywhere within a second, always', () => {
    const figures = run({ name: 'crash-closed', nodes: 10, hours: 0.3 })
    expect(figures.everywhereMs?.samples).toBeGreaterThan(30)
    expect(figures.everywhereMs?.p99).toBeLessThan(1000)
    expect(figures.missed).toBe(0)
  })

  it.each(['steady-5', 'tcp-5'])('%s: nobody is taken for dead in 30 member-hours', (name) => {
    expect(missed(run({ name, nodes: 10, hours: 3 }))).toEqual([])
  })

  it.each(['steady-30', 'asymmetric', 'churn', 'flapping', 'wake-up'])(
    '%s: nobody who is there is taken for dead, in some hours',
    (name) => {
      const figures = run({ name, nodes: 10, hours: 0.8 })
      expect(figures.falseDeaths).toBe(0)
      expect(figures.unconverged ?? 0).toBe(0)
    },
  )

  it('one slow observer: none is taken for dead that would be by plain SWIM', () => {
    const slice = { name: 'slow-observers', nodes: 10, hours: 3 }
    expect(run(slice).falseDeaths).toBe(0)
    expect(run({ ...slice, profile: 'plain-swim' }).falseDeaths).toBeGreaterThan(5)
  })

  it('an hour’s partition: all views are equal within 30 s after the heal', () => {
    expect(missed(run({ name: 'partition', nodes: 10, hours: 1 }))).toEqual([])
  })
})

describe('100 members', () => {
  it('a machine that loses its power is known to be dead everywhere within 10 s in the median', () => {
    const figures = run({ name: 'crash-silent', nodes: 100, hours: 0.1 })
    expect(figures.everywhereMs?.samples).toBeGreaterThan(8)
    expect(missed(figures)).toEqual([])
  })

  it('5 % of loss: nobody is taken for dead, and the payload stays bounded', () => {
    expect(missed(run({ name: 'steady-5', nodes: 100, hours: 0.1 }))).toEqual([])
  })

  it('no loss: 16 connections each, or a few more', () => {
    expect(run({ name: 'steady-0', nodes: 100, hours: 0.05 }).degreeMax).toBeLessThanOrEqual(20)
  })

  it('a partition: all views are equal within 30 s after the heal', () => {
    expect(missed(run({ name: 'partition', nodes: 100, hours: 0.1 }))).toEqual([])
  })
})

describe('a run', () => {
  const job = { name: 'churn', profile: 'ours', nodes: 10, hours: 0.2, isTwice: true }

  it('is the same with the same seed, and another with another', () => {
    const [one, other] = [1, 2].map((seed) => runMembershipJob({ ...job, seed }))
    expect(one?.isRepeatable).toBe(true)
    expect(one?.outcome.traces).not.toEqual(other?.outcome.traces)
  })
})
