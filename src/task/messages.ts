/**
 * What submitter and worker say to each other. The four types of the legacy contract (`remote_task_envelope`, `_ack`,
 * `_result`, `_cancel`) keep their names and fields; the rest is additive. Every message names the attempt it belongs to:
 * the idempotency key of the task and the lease it runs under, so that a message of an earlier attempt is told apart.
 */
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  conform,
  decodeUnchecked,
  encode,
  type LeaseId,
  LIMITS,
} from '../base/index.ts'

const key = z.string().min(1).max(LIMITS.idBytesMax)
/** Absent only for an execution that never left its submitter while the authority was out of reach. */
const lease = z
  .number()
  .int()
  .positive()
  .transform((value) => value as LeaseId)
  .optional()
const attempt = { idempotency_key: key, exec_lease_id: lease }

const envelope = z.object({
  type: z.literal('remote_task_envelope'),
  ...attempt,
  task_id: z.number().int().positive(),
  repository_id: z.string(),
  capability_requirements_json: z.string(),
  /** JSON text, as in the contract; ours holds `task_description` and the command. */
  payload: z.string().max(LIMITS.envelopeBytesMax),
  populi_scope_id: z.string().optional(),
  submitted_unix_ms: z.number().int().optional(),
  /** Additive: the TTL of the lease, which the worker must confirm before it starts anything. */
  lease_ttl_ms: z.number().int().positive().optional(),
  /**
   * Additive: an attached task holds, besides the authority's lease, one of its submitter (design §7) with this TTL. Absent: detached,
   * or an execution that never leaves its submitter.
   */
  attached_ttl_ms: z.number().int().positive().optional(),
  /** Additive: W3C Trace Context, `00-<32 hex>-<16 hex>-<2 hex>`; the command finds it in `TRACEPARENT`. */
  traceparent: z.string().max(LIMITS.idBytesMax).optional(),
  /** Additive: by wall clock; the task is not begun after it, and ended at it. */
  deadline_unix_ms: z.number().int().positive().optional(),
})

const ack = z.object({
  type: z.literal('remote_task_ack'),
  ...attempt,
  accepted: z.boolean(),
  /** Reason code of a refusal. */
  detail: z.string().nullable(),
})

/**
 * The worker of an attached task asks its submitter to go on: first before it starts anything, then each third of `attached_ttl_ms`.
 * Its span counts from the sending of the request that was answered, that of the submitter from its answer (design §7).
 */
const renew = z.object({
  type: z.literal('remote_task_renew'),
  ...attempt,
  sequence: z.number().int().nonnegative(),
})

/** The answer: the task is still wanted of this attempt. Otherwise the answer is `remote_task_cancel`. */
const renewed = z.object({
  type: z.literal('remote_task_renewed'),
  ...attempt,
  sequence: z.number().int().nonnegative(),
})

const started = z.object({ type: z.literal('remote_task_started'), ...attempt, pid: z.number().int() })

const output = z.object({
  type: z.literal('remote_task_output'),
  ...attempt,
  stream: z.enum(['stdout', 'stderr']),
  /** Bytes of output, of both streams together, before this chunk: tells a repetition after a reconnect from news. */
  offset: z.number().int().nonnegative(),
  chunk: bytesSchema,
})

/** The submitter has passed on so many bytes in all: the worker may send up to its window beyond. */
const outputAck = z.object({
  type: z.literal('remote_task_output_ack'),
  ...attempt,
  bytes: z.number().int().positive(),
})

/** How an execution ended. Only `exited`, `timeout`, `cancelled` and `spawn-failed` say something about the task itself. */
const endCauseSchema = z.enum([
  'exited',
  'spawn-failed',
  'timeout',
  'cancelled',
  'lease-lost',
  'submitter-lost',
  'output-failed',
  'node-stopping',
  'quarantined',
  'drain-deadline',
  'worker-restarted',
  'guardian-lost',
])
export type EndCause = z.output<typeof endCauseSchema>

/** These end the task; the others end only the attempt. */
export function isAboutTheTask(cause: EndCause): boolean {
  return cause === 'exited' || cause === 'spawn-failed' || cause === 'timeout' || cause === 'cancelled'
}

export const outcomeSchema = z.object({
  cause: endCauseSchema,
  exitCode: z.number().int().optional(),
  signal: z.string().optional(),
  /** For people; set unless the command exited by itself and nothing of it was left. */
  error: z.string().max(LIMITS.errorTextBytesMax).optional(),
  /** Nothing of the execution was left when it was reported. */
  quiet: z.boolean(),
  /** What a function returned, as JSON text; absent for commands. */
  valueJson: z.string().max(LIMITS.envelopeBytesMax).optional(),
  outputBytes: z.number().int().nonnegative(),
})
export type Outcome = z.output<typeof outcomeSchema>

const result = z.object({
  type: z.literal('remote_task_result'),
  ...attempt,
  task_id: z.number().int().positive(),
  success: z.boolean(),
  result: z.string().nullable(),
  error: z.string().nullable(),
  /** Additive. */
  outcome: outcomeSchema,
  /** How many processes the worker started for this attempt: 0 or 1. */
  starts: z.number().int().nonnegative(),
})

const resultAck = z.object({ type: z.literal('remote_task_result_ack'), ...attempt })

const cancel = z.object({
  type: z.literal('remote_task_cancel'),
  ...attempt,
  task_id: z.number().int().positive(),
  reason: z.string(),
})

const schemas = [
  envelope,
  ack,
  renew,
  renewed,
  started,
  output,
  outputAck,
  result,
  resultAck,
  cancel,
] as const
const message = z.discriminatedUnion('type', schemas)
export type TaskMessage = z.output<typeof message>
export type Envelope = z.output<typeof envelope>

const KNOWN_TYPES: ReadonlySet<string> = new Set(schemas.map((schema) => schema.shape.type.value))
const anyType = z.looseObject({ type: z.string() })

export const encodeTaskMessage = (value: TaskMessage): Uint8Array => encode(value)

/** @throws CodedError `wire.malformed`; `wire.unknown_type` for a type that a newer version may have. */
export function decodeTaskMessage(bytes: Uint8Array): TaskMessage {
  const value = decodeUnchecked(bytes, 'task message')
  const { type } = conform(anyType, value, 'task message')
  if (!KNOWN_TYPES.has(type))
    throw new CodedError('wire.unknown_type', { what: 'task message', got: type.slice(0, 64) })
  return conform(message, value, 'task message')
}
