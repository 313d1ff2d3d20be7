/**
 * The one reason vocabulary (promise P9): why a task was placed where it is, refused, lost or fell back. A
 * reason is told by the placement core and by the task core, which may not import one another; hence its place
 * in `base/`. Codes are for programs and never change; the sentence is for people and stands after a node's
 * name or a task's ("attic: ..."), so it has no subject of its own.
 */
export const REASONS = {
  // Codes of the older orchestrator, kept letter by letter (contract, legacy-http-behaviour.md §10.9).
  local_queue_default: 'runs on the node that it was given to',
  populi_remote_lease_hold: 'runs on another node, under a lease',
  local_queue_fallback_after_remote_relay_error:
    'runs on the node that it was given to, after the attempt on another node failed',
  local_queue_fallback_insufficient_vram:
    'runs on the node that it was given to, because no node has enough GPU memory',

  // Why a node may not be given the task.
  remote_execute_disabled: 'remote execution is switched off on the node that has the task',
  lease_gating_disabled: 'lease gating is switched off, and without a lease nothing is run elsewhere',
  worker_not_alive: 'the worker is not alive, as far as membership knows',
  worker_suspect: 'the worker may be gone, so it gets no new work',
  worker_not_connected: 'there is no connection to the worker',
  worker_refuses_remote: 'the worker does not take work of other nodes',
  function_not_registered: 'has not registered the function that is called',
  worker_full: 'the worker has as many tasks as it takes',
  quarantined: 'is quarantined by an admin order',
  maintenance: 'is in maintenance by an admin order, so it gets no new work',
  retired: 'is retired by an admin order',
  wrong_scope: 'the task belongs to another mesh',
  worker_tried_before: 'was tried before for this task',
  not_requested_node: 'another node was asked for by name',

  // Why one of several possible nodes was taken, or was not.
  requested_node: 'was asked for by name',
  requested_node_unknown: 'no node of the name that was asked for is known',
  no_eligible_node: 'no node is left that could run it',
  busier_than_chosen: 'could run it, but has more tasks running than the chosen node',
  equal_to_chosen: 'could run it as well; equal nodes take turns by task',
  local_is_last_resort: 'could run it, but other nodes come first',

  // Why a GPU gets no work.
  gpu_not_quiet: 'has a GPU on which the driver still lists processes of a task that has ended',
  gpu_driver_silent: 'has a GPU driver that does not answer',
  gpu_lost: 'has a GPU that its driver has lost',
  gpu_unreadable: 'has a GPU of which its driver cannot say who uses it',

  // What happened to a task that had its place.
  lease_unavailable: 'the authority did not grant a lease',
  offer_refused: 'the worker refused the task',
  worker_lost: 'the worker stopped answering',
  lease_expired: 'the lease ended before the task did',
  drain_deadline: 'was ended because its node was drained and the deadline had passed',
  cancelled_by_user: 'was cancelled by its owner',
  local_execution_ended: 'had to be ended on the node that it was given to',
  timed_out: 'ran longer than its time limit',
  cannot_start: 'could not be started',
  function_failed: 'called a function that failed',
  submitter_restarted: 'lost its submitting process, which was restarted',
} as const satisfies Record<string, string>

export type Reason = keyof typeof REASONS
