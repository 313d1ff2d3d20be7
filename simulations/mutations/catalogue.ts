/** All mutations. A new one is a line in the file of its room; the test in `test/simulations/mutations` says when one is stale. */
import { CONSENSUS_MUTATIONS } from './consensus-mutations.ts'
import { LEASE_MUTATIONS } from './lease-mutations.ts'
import type { Mutation } from './mutation.ts'
import { STORAGE_MUTATIONS } from './storage-mutations.ts'
import { TASK_MUTATIONS } from './task-mutations.ts'

export const MUTATIONS: readonly Mutation[] = [
  ...CONSENSUS_MUTATIONS,
  ...LEASE_MUTATIONS,
  ...STORAGE_MUTATIONS,
  ...TASK_MUTATIONS,
]
