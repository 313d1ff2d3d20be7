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

test.each<[string, Group]>([
  ['3 voters', { voters: 3, machines: 3, changesVoters: false }],
  ['5 voters', { voters: 5, machines: 5, changesVoters: false }],
  ['1 voter that grows to up to 5, and back', { voters: 1, machines: 5, changesVoters: true }],
  ['3 voters of 6 servers that come and go', { voters: 3, machines: 6, changesVoters: true }],
])(
  '%s: election safety, log matching, leader completeness, state machine safety, then progress',
  (_, group) => {
    let entries = 0
    for (const seed of SEEDS) entries += run(seed, group).checker.committed.length
    // A simulation in which nothing happens proves nothing.
    if (ONE === undefined) expect(entries / SEEDS.length).toBeGreaterThan(20)
  },
)

test('the same seed gives the same run', () => {
  const group: Group = { voters: 3, machines: 6, changesVoters: true }
  const outcome = (): unknown => run(7, group).machines.map((machine) => machine.disk.load())
  expect(outcome()).toEqual(outcome())
})
