/** What the orders about one node come to: the question that workers, submitters and the authority ask. */
import type { UnixMs } from '../base/index.ts'
import type { MaintenanceStatement } from './order.ts'

export interface Standing {
  readonly isQuarantined: boolean
  readonly isRetired: boolean
  /** On, and not over yet. */
  readonly maintenance: MaintenanceStatement | undefined
}

/** Reason codes: why a node gets no new work. */
export type Obstacle = 'quarantined' | 'retired' | 'maintenance'

/** Why the node gets no new work; the gravest, when there are several. `undefined`: it may. */
export function obstacleOf({ isQuarantined, isRetired, maintenance }: Standing): Obstacle | undefined {
  if (isQuarantined) return 'quarantined'
  if (isRetired) return 'retired'
  return maintenance === undefined ? undefined : 'maintenance'
}

/** Why what runs there may not go on beyond the lease that it has; `undefined`: it may. */
export function endOf(standing: Standing, now: UnixMs): Obstacle | undefined {
  const { isQuarantined, isRetired } = standing
  if (isQuarantined || isRetired) return obstacleOf(standing)
  return isDrainOver(standing, now) ? 'maintenance' : undefined
}

/** The deadline of the drain has passed: what still runs there is to be ended. */
export function isDrainOver({ maintenance }: Standing, now: UnixMs): boolean {
  const deadline = maintenance?.drainDeadlineUnixMs
  return deadline !== undefined && now >= deadline
}
