/** What an attempt is for its executor, and what its end is for the task core. */
import { CodedError, type ErrorShape, type ExecutionId, LIMITS, type Random } from '../base/index.ts'
import {
  type ExecutionDeadline,
  type ExecutionEnd,
  type ExecutionSpec,
  type FunctionSpec,
  NO_DEADLINE,
} from '../exec/index.ts'
import {
  type Command,
  childTraceparent,
  type FunctionCall,
  type OfferRecord,
  type Outcome,
} from '../task/index.ts'

/** Names the one execution that an attempt can have. */
export function executionIdOf({ taskId, leaseId }: OfferRecord): ExecutionId {
  return `${taskId}-${leaseId ?? 'local'}` as ExecutionId
}

/**
 * @param deadline `undefined`: it never left its submitter, and ends when the node says so.
 * @param random for the span id of the command within its trace.
 */
export function commandSpec(
  record: OfferRecord,
  command: Command,
  deadline: ExecutionDeadline | undefined,
  random: Random,
): ExecutionSpec {
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

/** The same for a call of a function. */
export function functionSpec(
  record: OfferRecord,
  call: FunctionCall,
  deadline: ExecutionDeadline | undefined,
  random: Random,
): FunctionSpec {
  return {
    executionId: executionIdOf(record),
    name: call.name,
    inputJson: call.input_json,
    taskId: String(record.taskId),
    fencingToken: record.leaseId,
    traceparent: childTraceparent(record.traceparent, random),
    deadline: deadline ?? NO_DEADLINE,
  }
}

export function outcomeOf(end: ExecutionEnd, outputBytes: number): Outcome {
  const about = { exitCode: end.exitCode, signal: end.signal, quiet: end.quiet, outputBytes }
  switch (end.cause) {
    case 'exited':
      return {
        cause: 'exited',
        ...about,
        ...(end.error === undefined ? {} : { error: errorText(end.error) }),
        ...(end.valueJson === undefined ? {} : { valueJson: end.valueJson }),
      }
    case 'spawn-failed':
    case 'guardian-lost': {
      const shape = end.error ?? new CodedError('internal', { reason: end.cause }).toShape()
      return { cause: end.cause, ...about, error: errorText(shape) }
    }
    case 'deadline':
      return { cause: 'lease-lost', ...about, error: 'the lease ran out, so the guardian ended the command' }
    case 'killed-on-order':
      return { cause: 'cancelled', ...about, error: 'ended on order' }
  }
}

const errorText = ({ message }: ErrorShape): string => message.slice(0, LIMITS.errorTextBytesMax)
