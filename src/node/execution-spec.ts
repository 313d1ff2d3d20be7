/** What an attempt is for its executor, and what its end is for the task core. */
import { bootMs, CodedError, type ExecutionId, LIMITS, present, type Random } from '../base/index.ts'
import type { ExecutionDeadline, ExecutionEnd, ExecutionSpec } from '../exec/index.ts'
import { childTraceparent, commandOf, type OfferRecord, type Outcome } from '../task/index.ts'

/** The lease of an execution that never left its submitter: it ends when the node says so. */
const NO_DEADLINE: ExecutionDeadline = {
  termAt: bootMs(Number.MAX_SAFE_INTEGER),
  killAt: bootMs(Number.MAX_SAFE_INTEGER),
}

/** Names the one execution that an attempt can have. */
export function executionIdOf({ taskId, leaseId }: OfferRecord): ExecutionId {
  return `${taskId}-${leaseId ?? 'local'}` as ExecutionId
}

/** @param random for the span id of the command within its trace. */
export function executionSpec(
  record: OfferRecord,
  deadline: ExecutionDeadline | undefined,
  random: Random,
): ExecutionSpec {
  const command = present(record.work && commandOf(record.work), 'a command')
  const traceparent = childTraceparent(record.traceparent, random)
  return {
    executionId: executionIdOf(record),
    argv: command.argv,
    cwd: command.cwd,
    env: {
      ...command.env,
      POPULI_TASK_ID: String(record.taskId),
      // With it the command may fence its own writes to storage that it shares with other attempts.
      ...(record.leaseId === undefined ? {} : { POPULI_FENCING_TOKEN: String(record.leaseId) }),
      ...(traceparent === undefined ? {} : { TRACEPARENT: traceparent }),
    },
    deadline: deadline ?? NO_DEADLINE,
  }
}

export function outcomeOf(end: ExecutionEnd, outputBytes: number): Outcome {
  const about = { exitCode: end.exitCode, signal: end.signal, quiet: end.quiet, outputBytes }
  switch (end.cause) {
    case 'exited':
      return { cause: 'exited', ...about }
    case 'spawn-failed':
    case 'guardian-lost': {
      const shape = end.error ?? new CodedError('internal', { reason: end.cause }).toShape()
      return { cause: end.cause, ...about, error: shape.message.slice(0, LIMITS.errorTextBytesMax) }
    }
    case 'deadline':
      return { cause: 'lease-lost', ...about, error: 'the lease ran out, so the guardian ended the command' }
    case 'killed-on-order':
      return { cause: 'cancelled', ...about, error: 'ended on order' }
  }
}
