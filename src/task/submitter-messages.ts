import type { LeaseId } from '../base/index.ts'
import type { TaskMessage } from './messages.ts'
import type { Attempt, TaskRecord } from './task-record.ts'
import { describeWork } from './work.ts'

/** What the submitter says to a worker. */

/** @param isRemote an attempt that leaves its submitter: only then can one of the two lose the other. */
export function envelopeMessage(task: TaskRecord, attempt: Attempt, isRemote: boolean): TaskMessage {
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
    attached_ttl_ms: task.attached && isRemote ? attempt.ttlMs : undefined,
    traceparent: task.traceparent,
    deadline_unix_ms: task.deadlineUnixMs,
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

export function renewedMessage(renew: Extract<TaskMessage, { type: 'remote_task_renew' }>): TaskMessage {
  return { type: 'remote_task_renewed', ...attemptOf(renew), sequence: renew.sequence }
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
