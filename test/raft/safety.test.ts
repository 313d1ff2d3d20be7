/**
 * Random runs (see `support/simulation.ts`): safety at every moment, then progress once the faults end. A failure
 * names its seed; `RAFT_SEED=17 npx vitest run test/raft/safety.test.ts` runs that one alone, `RAFT_SEEDS=10000`
 * more of them.
 */
import { expect, test } from 'vitest'
import { Violation } from './support/checker.ts'
import { Simulation, type SimulationInit } from './support/simulation.ts'

const STEPS = 5000
const ONE = process.env['RAFT_SEED']
const COUNT = Number(process.env['RAFT_SEEDS'] ?? 100)
const SEEDS = ONE === undefined ? Array.from({ length: COUNT }, (_, at) => at + 1) : [Number(ONE)]

type Group = Omit<SimulationInit, 'seed'>

function run(seed: number, group: Group): Simulation {
  const simulation = new Simulation({ ...group, seed })
  try {
    for (let step = 0; step < STEPS; step++) simulation.step()
    simulation.heal()
  } catch (thrown) {
    throw new Violation(`seed ${seed}: ${thrown instanceof Error ? thrown.message : thrown}`, {
      cause: thrown,
    })
  }
  return simulation
}

const FIXED = { changesMembers: false, losesStores: false }
const CHANGING = { changesMembers: true, losesStores: false }

test.each<[string, Group]>([
  ['3 voters', { voters: 3, machines: 3, ...FIXED }],
  ['5 voters', { voters: 5, machines: 5, ...FIXED }],
  ['1 voter that grows to up to 5, and back', { voters: 1, machines: 5, ...CHANGING }],
  ['3 voters of 6 servers that come and go as voters and learners', { voters: 3, machines: 6, ...CHANGING }],
  [
    '6 servers, and those that are out of the group lose their stores',
    { voters: 3, machines: 6, changesMembers: true, losesStores: true },
  ],
])(
  '%s: election safety, log matching, leader completeness, state machine safety, reads, then progress',
  (_, group) => {
    const totals = {
      entries: 0,
      snapshots: 0,
      compactions: 0,
      transfers: 0,
      reads: 0,
      writesOverlapped: 0,
      rebuilt: 0,
    }
    for (const seed of SEEDS) {
      const { checker, tally } = run(seed, group)
      totals.entries += checker.committed.length
      for (const [what, count] of Object.entries(tally) as [keyof typeof tally, number][])
        totals[what] += count
    }
    // A simulation in which nothing happens proves nothing.
    if (ONE !== undefined) return
    const { entries, rebuilt, ...others } = totals
    expect(entries / SEEDS.length).toBeGreaterThan(20)
    for (const [what, count] of Object.entries(others))
      expect(count / SEEDS.length, what).toBeGreaterThan(0.1)
    if (group.losesStores) expect(rebuilt / SEEDS.length).toBeGreaterThan(0.1)
  },
)

test('the same seed gives the same run', () => {
  const group: Group = { voters: 3, machines: 6, changesMembers: true, losesStores: true }
  const outcome = (): unknown => run(7, group).machines.map((machine) => machine.disk.load())
  expect(outcome()).toEqual(outcome())
})
