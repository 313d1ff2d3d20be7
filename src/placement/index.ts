/** placement: which node runs a task, with the reasons for and against every candidate. A pure core. */
export { explain } from './explain.ts'
export { place } from './place.ts'
export type { Candidate, PlacementPlan, PlacementPolicy, PlacementTask } from './plan.ts'
