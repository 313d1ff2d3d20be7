/**
 * A slice of the simulations: some seeds of every scenario, and the corpus. To look further: `npm run sim`. To repeat a failure,
 * the command is in its message.
 */
import { describe, expect, it } from 'vitest'
import { corpus } from '../../simulations/corpus.ts'
import type { FaultKind } from '../../simulations/faults/fault.ts'
import { runSeed } from '../../simulations/run-seed.ts'
import { commandFor } from '../../simulations/runner/failure.ts'
import { SCENARIOS, type Scenario, scenarioNamed } from '../../simulations/scenarios/index.ts'
import { present, Random } from '../../src/base/index.ts'

function named(name: string): Scenario {
  return present(scenarioNamed(name), `scenario ${name}`)
}

const HOUR_MS = 3_600_000

/** About a quarter of a second each; one of `tasks`, which has eighty lives of them, a second. */
const SEEDS_OF = {
  authority: 40,
  partitions: 20,
  disks: 25,
  clocks: 20,
  'membership-changes': 10,
  tasks: 6,
} as const

describe.each(Object.entries(SEEDS_OF))('scenario %s', (name, count) => {
  const scenario = named(name)

  it.each(Array.from({ length: count }, (_, at) => at + 1))('seed %i', async (seed) => {
    const { violation } = await runSeed({ scenario, seed })
    expect(violation, commandFor({ scenario: name, seed, file: undefined })).toBeUndefined()
  })
})

describe('the corpus', () => {
  it.each(corpus())('$file: $why', async ({ scenario: name, seed, replay, file }) => {
    const scenario = named(name)
    const { violation } = await runSeed({ scenario, seed, replay })
    expect(violation, commandFor({ scenario: name, seed, file })).toBeUndefined()
  })
})

describe('a laptop', () => {
  it('4 machines: one hour of one that sleeps and moves every few minutes', async () => {
    const scenario = named('laptop')
    const faults = scenario.plan(new Random(1).fork()).faults.filter(({ atMs }) => atMs < HOUR_MS)
    const { violation } = await runSeed({ scenario, seed: 1, replay: { faults, safetyMs: HOUR_MS } })
    expect(violation).toBeUndefined()
    expect(faults.length).toBeGreaterThan(10)
  })
})

describe('a run', () => {
  it.each(Object.keys(SEEDS_OF))(
    '%s: the same seed makes the same trace, another seed another one',
    async (name) => {
      const scenario = scenarioNamed(name)
      if (scenario === undefined) throw new RangeError(`no scenario ${name}`)
      const [first, second, other] = [
        await runSeed({ scenario, seed: 501 }),
        await runSeed({ scenario, seed: 501 }),
        await runSeed({ scenario, seed: 502 }),
      ]
      expect(second.traceHash).toBe(first.traceHash)
      expect(other.traceHash).not.toBe(first.traceHash)
    },
  )

  it('tasks: fifty lives at the least', async () => {
    const { lives, violation } = await runSeed({ scenario: named('tasks'), seed: 503 })
    expect(violation).toBeUndefined()
    expect(lives).toBeGreaterThanOrEqual(50)
  })

  it('a schedule that was written down does what the drawn one did', async () => {
    const scenario = named('authority')
    const drawn = await runSeed({ scenario, seed: 3 })
    const { faults, safetyMs } = drawn
    const replayed = await runSeed({
      scenario,
      seed: 3,
      replay: JSON.parse(JSON.stringify({ faults, safetyMs })),
    })
    expect(replayed.traceHash).toBe(drawn.traceHash)
  })
})

describe('the schedules', () => {
  it('every kind of fault is drawn by some scenario', () => {
    const drawn = new Set<FaultKind>()
    for (const scenario of SCENARIOS) {
      for (let seed = 1; seed <= 60; seed++)
        for (const { fault } of scenario.plan(new Random(seed)).faults) drawn.add(fault.kind)
    }
    const kinds: Record<FaultKind, true> = {
      crash: true,
      stop: true,
      sleep: true,
      stall: true,
      'slow-machine': true,
      'wall-jump': true,
      'clock-rate': true,
      'disk-stall': true,
      'disk-slow': true,
      'disk-fail': true,
      'disk-damage': true,
      reset: true,
      cut: true,
      block: true,
      isolate: true,
      split: true,
      'slow-path': true,
      'stall-stream': true,
      congest: true,
      move: true,
      join: true,
      leave: true,
      echo: true,
      quarantine: true,
    }
    expect([...drawn].sort()).toEqual(Object.keys(kinds).sort())
  })
})
