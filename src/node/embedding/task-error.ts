import { CodedError, type NodeId, type Reason, type TaskId } from '../../base/index.ts'
import type { TaskRecord } from '../../task/index.ts'

/**
 * A task that came to its end without its value. `code` is `task.failed` or `task.cancelled`; `reason` says why, in the
 * words of `docs/reference/reasons.md`.
 */
export class TaskError extends CodedError {
  readonly taskId: TaskId
  readonly reason: Reason
  /** Where it ended; `undefined`: nowhere. */
  readonly node: NodeId | undefined

  constructor(record: TaskRecord) {
    const { taskId, outcome, attempt } = record
    const reason = reasonOf(record)
    const error = record.error ?? outcome?.error ?? endOf(record)
    super(record.state === 'cancelled' ? 'task.cancelled' : 'task.failed', { taskId, reason, error })
    this.taskId = taskId
    this.reason = reason
    this.node = attempt?.nodeId
  }
}

/** Of a task whose work itself failed, the record has the reason why it was placed where it did. */
function reasonOf({ state, outcome, reason }: TaskRecord): Reason {
  if (state === 'failed' && outcome?.cause === 'exited') return 'function_failed'
  return reason ?? (state === 'cancelled' ? 'cancelled_by_user' : 'no_eligible_node')
}

function endOf({ outcome }: TaskRecord): string {
  if (outcome?.signal !== undefined) return `killed by ${outcome.signal}`
  return outcome?.exitCode === undefined ? 'it has no result' : `exit code ${outcome.exitCode}`
}
