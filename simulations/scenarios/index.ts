/** scenarios: what runs are made of. A new one is a file with a plan, and a line here. */
import { authority } from './authority.ts'
import { clocks } from './clocks.ts'
import { disks } from './disks.ts'
import { laptop } from './laptop.ts'
import { membershipChanges } from './membership-changes.ts'
import { partitions } from './partitions.ts'
import type { Scenario } from './scenario.ts'
import { tasks } from './tasks.ts'

export type { Plan, Scenario } from './scenario.ts'

export const SCENARIOS: readonly Scenario[] = [
  authority,
  partitions,
  disks,
  clocks,
  membershipChanges,
  laptop,
  tasks,
]

export const scenarioNamed = (name: string): Scenario | undefined =>
  SCENARIOS.find((scenario) => scenario.name === name)
