import type { LeaseId } from '../base/index.ts'
import type { TaskMessage } from './messages.ts'
import type { Attempt, TaskRecord } from './task-record.ts'
import { describeWork } from './work.ts'

/** What the submitter says to a worker. */

export function envelopeMessage(task: TaskRecord, attempt: Attempt): TaskMessage {
  return {
    type: 'remote_task_envelope',
    idempotency_key: task.idempotencyKey,
    exec_lease_id: attempt.leaseId,
    task_id: Number(task.taskId),
    repository_id: task.scope,
    capability_requirements_json: '{}',
    payload: JSON.stringify({ task_description: describeWork(task.work), ...task.work }),
    populi_scope_id: task.scope,
    submitted_unix_ms: task.createdUnixMs,
    lease_ttl_ms: attempt.ttlMs,
  }
}

export function cancelMessage(task: TaskRecord, leaseId: LeaseId | undefined, reason: string): TaskMessage {
  return {
    type: 'remote_task_cancel',
    idempotency_key: task.idempotencyKey,
    exec_lease_id: leaseId,
    task_id: Number(task.taskId),
    reason,
  }
}

/** @param bytes passed on in all. */
export function outputAckMessage(output: TaskMessage, bytes: number): TaskMessage {
  return { type: 'remote_task_output_ack', ...attemptOf(output), bytes }
}

export function resultAckMessage(result: TaskMessage): TaskMessage {
  return { type: 'remote_task_result_ack', ...attemptOf(result) }
}

function attemptOf({
  idempotency_key,
  exec_lease_id,
}: TaskMessage): Pick<TaskMessage, 'idempotency_key' | 'exec_lease_id'> {
  return { idempotency_key, exec_lease_id }
}
