import { commandOf, type TaskRecord } from '../task/index.ts'
import type { TaskDetailView, TaskView } from './control/node-control.ts'

/** A task as the owner sees it. */
export function taskView(record: TaskRecord): TaskView {
  const { attempt, outcome } = record
  return {
    taskId: record.taskId,
    argv: commandOf(record.work)?.argv ?? [],
    state: record.state,
    node: attempt?.nodeId,
    leaseId: attempt?.leaseId,
    reason: record.reason,
    createdUnixMs: record.createdUnixMs,
    endedUnixMs: record.endedUnixMs,
    exitCode: outcome?.exitCode,
    signal: outcome?.signal,
    error: record.error,
  }
}

export function taskDetailView(record: TaskRecord): TaskDetailView {
  return {
    ...taskView(record),
    history: record.history.map(({ atUnixMs, state, node, leaseId, reason, detail }) => ({
      atUnixMs,
      state,
      node,
      leaseId,
      reason,
      detail,
    })),
    starts: record.starts,
    finalResults: record.finalResults,
    outputBytes: record.attempt?.outputBytes ?? 0,
  }
}
