/**
 * Which machines should vote. Groups of 1, 3 or 5: an even number tolerates no more failures than the next smaller odd one and
 * has one machine more that can be missing. So a second machine does not become a voter; with the third, two are
 * added in one joint change. Learners, removal of the dead and `voter: never` belong to the autopilot that follows.
 */
import type { PeerId } from '../base/index.ts'

/** More voters make every commit slower and tolerate failures that a personal mesh does not have. */
const VOTERS_MAX = 5

/**
 * @param voters the present voters.
 * @param candidates admitted peers that are connected to the leader now, the leader included.
 * @returns the peers to add in one change; empty when nothing is to be done.
 */
export function votersToAdd(voters: readonly PeerId[], candidates: readonly PeerId[]): readonly PeerId[] {
  const fresh = candidates.filter((peer) => !voters.includes(peer)).sort()
  const reachable = Math.min(voters.length + fresh.length, VOTERS_MAX)
  const target = reachable % 2 === 1 ? reachable : reachable - 1
  return fresh.slice(0, Math.max(0, target - voters.length))
}
