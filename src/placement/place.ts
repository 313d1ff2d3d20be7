/**
 * Where a task runs, and why not elsewhere.
 *
 * Pure: the same question gets the same plan, whatever the order of the candidates. Each candidate is judged on
 * its own (`eligibility.ts`), the eligible ones are ranked (`preference.ts`), and the plan keeps a verdict for every one of
 * them, so that it can be explained long after. The plan does nothing; the task core carries it out.
 */
import { assert, type Reason } from '../base/index.ts'
import { objections } from './eligibility.ts'
import type { Candidate, PlacementPlan, PlacementPolicy, PlacementTask, Verdict } from './plan.ts'
import { comparePreference } from './preference.ts'

/**
 * The named node if `task.on` is set; otherwise the best eligible other node; otherwise this node.
 *
 * @param candidates all nodes of the mesh, exactly one of them `self`.
 */
export function place(
  task: PlacementTask,
  candidates: readonly Candidate[],
  policy: PlacementPolicy,
): PlacementPlan {
  assert(candidates.filter((candidate) => candidate.self).length === 1, 'one candidate is this node')
  const judged = candidates
    .map((candidate) => ({ candidate, against: objections(task, candidate, policy) }))
    .toSorted((a, b) => (a.candidate.nodeId < b.candidate.nodeId ? -1 : 1))
  const [chosen] = judged
    .filter(({ against }) => against.length === 0)
    .map(({ candidate }) => candidate)
    .toSorted((a, b) => comparePreference(task.id, a, b))

  const verdicts = judged.map(({ candidate, against }): Verdict => {
    const { peer, nodeId } = candidate
    if (against.length > 0 || chosen === undefined) return { peer, nodeId, eligible: false, reasons: against }
    const reason = candidate === chosen ? whyChosen(task, chosen, policy) : whyNotChosen(candidate, chosen)
    return { peer, nodeId, eligible: true, reasons: [reason] }
  })
  if (chosen === undefined) return { surface: 'none', reason: whyNone(task, verdicts), verdicts }
  const { peer, nodeId, self } = chosen
  return {
    surface: self ? 'local' : 'lan',
    peer,
    nodeId,
    reason: whyChosen(task, chosen, policy),
    verdicts,
  }
}

function whyChosen(task: PlacementTask, chosen: Candidate, policy: PlacementPolicy): Reason {
  if (task.on !== undefined) return 'requested_node'
  if (!chosen.self) return 'populi_remote_lease_hold'
  return policy.exclude.size > 0 ? 'local_queue_fallback_after_remote_relay_error' : 'local_queue_default'
}

/** Why an eligible candidate came after the chosen one; the same order as in `comparePreference`. */
function whyNotChosen(candidate: Candidate, chosen: Candidate): Reason {
  if (candidate.self) return 'local_is_last_resort'
  return candidate.runningTasks > chosen.runningTasks ? 'busier_than_chosen' : 'equal_to_chosen'
}

/** What is against the node that was asked for; without one, that nobody is left. */
function whyNone(task: PlacementTask, verdicts: readonly Verdict[]): Reason {
  if (task.on === undefined) return 'no_eligible_node'
  const requested = verdicts.find((verdict) => verdict.nodeId === task.on)
  return requested?.reasons[0] ?? 'requested_node_unknown'
}
