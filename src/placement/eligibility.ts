import type { Reason } from '../base/index.ts'
import type { Candidate, PlacementPolicy, PlacementTask } from './plan.ts'

/**
 * Everything that stands against running `task` on `candidate`; empty when it is eligible. All reasons, not only
 * the first: who reads them wants to know what must change. What the asker said comes first, then what
 * an admin ordered, then what the task needs, then the switches here, then what is known of the worker.
 */
export function objections(
  task: PlacementTask,
  candidate: Candidate,
  policy: PlacementPolicy,
): readonly Reason[] {
  const found: Reason[] = []
  const object = (applies: boolean, reason: Reason): void => {
    if (applies) found.push(reason)
  }
  object(task.on !== undefined && candidate.nodeId !== task.on, 'not_requested_node')
  object(policy.exclude.has(candidate.peer), 'worker_tried_before')
  if (candidate.barredBy !== undefined) found.push(candidate.barredBy)
  object(
    task.function !== undefined && !candidate.functions.includes(task.function),
    'function_not_registered',
  )
  if (candidate.self) return found
  object(!policy.remoteExecuteEnabled, 'remote_execute_disabled')
  object(!policy.leaseGatingEnabled, 'lease_gating_disabled')
  object(candidate.status === 'suspect', 'worker_suspect')
  object(candidate.status !== 'alive' && candidate.status !== 'suspect', 'worker_not_alive')
  object(!candidate.connected, 'worker_not_connected')
  object(!candidate.remoteExecute, 'worker_refuses_remote')
  return found
}
