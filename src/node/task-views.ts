import { cancelLatencyMs, type OutputLog, type TaskRecord, timeoutMsOf } from '../task/index.ts'
import type { TaskDetailView, TaskView } from './control/node-control.ts'

/** A task as the owner sees it. */
export function taskView(record: TaskRecord): TaskView {
  const { attempt, outcome } = record
  return {
    taskId: record.taskId,
    argv: 'command' in record.work ? record.work.command.argv : [record.work.function.name],
    attached: record.attached,
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

export function taskDetailView(record: TaskRecord, output: Pick<OutputLog, 'begin' | 'end'>): TaskDetailView {
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
    runs: record.runs,
    cancelLatencyMs: cancelLatencyMs(record.runs),
    fallback: record.fallback,
    timeoutMs: timeoutMsOf(record.work),
    deadlineUnixMs: record.deadlineUnixMs,
    traceparent: record.traceparent,
    attempts: record.attempts,
    starts: record.starts,
    finalResults: record.finalResults,
    refusedResults: record.refusedResults,
    outputBytes: output.end,
    outputBytesKept: output.end - output.begin,
  }
}
