/**
 * What node and guardian say to each other: commands go in on the guardian's stdin, events come out on its
 * stdout. Both processes are of one program version, but the guardian checks what it reads like anything
 * that comes from outside: it is the part that must still be right when the node is not.
 */
import { z } from 'zod'
import {
  type BootMs,
  bytesSchema,
  type ErrorCode,
  type ExecutionId,
  isErrorCode,
  LIMITS,
} from '../base/index.ts'

const EXECUTION_ID = /^[\x21-\x7e]{1,64}$/

export const executionIdSchema = z
  .string()
  .regex(EXECUTION_ID)
  .transform((value) => value as ExecutionId)
/** Never 0 or 1: `kill(-0)` is one's own group, and `kill(-1)` is every process there is. */
export const pidSchema = z.number().int().min(2)
/** Start of a process in clock ticks since boot: with the pid it names one process for good. */
export const startTicksSchema = z.number().int().min(0)

const bootMsSchema = z.number().transform((value) => value as BootMs)
const deadlineSchema = z.strictObject({ termAt: bootMsSchema, killAt: bootMsSchema })

const runSchema = z.strictObject({
  kind: z.literal('run'),
  executionId: executionIdSchema,
  argv: z.tuple([z.string()], z.string()),
  cwd: z.string().optional(),
  env: z.record(z.string(), z.string()),
  deadline: deadlineSchema,
  /** Its input is a pipe, for `feed`; otherwise `/dev/null`. */
  fed: z.boolean(),
})

export const commandSchema = z.discriminatedUnion('kind', [
  runSchema,
  z.strictObject({ kind: z.literal('extend'), executionId: executionIdSchema, deadline: deadlineSchema }),
  /** Replaces the deadline and then writes to its input: what it is given to do begins under the deadline of it. */
  z.strictObject({
    kind: z.literal('feed'),
    executionId: executionIdSchema,
    deadline: deadlineSchema,
    bytes: bytesSchema,
  }),
  /** From this time on the node itself may not live, until the next such command. Without a time: it may. */
  z.strictObject({
    kind: z.literal('guard-node'),
    killAt: bootMsSchema.optional(),
    /** What would be overdue, for the next life of the node. */
    label: z.string(),
  }),
  z.strictObject({
    kind: z.literal('end'),
    executionId: executionIdSchema,
    graceMs: z.number().int().min(0),
  }),
  /** A piece of output was taken by the reader: its `creditOf` goes back to the command. */
  z.strictObject({
    kind: z.literal('acknowledge'),
    executionId: executionIdSchema,
    credit: z.number().int().min(1),
  }),
  z.strictObject({ kind: z.literal('ping') }),
])

export type GuardianCommand = z.output<typeof commandSchema>
export type RunCommand = z.output<typeof runSchema>

export const errorShapeSchema = z.strictObject({
  code: z.custom<ErrorCode>((value) => typeof value === 'string' && isErrorCode(value), 'unknown code'),
  message: z.string(),
  hint: z.string(),
})

const endedSchema = z.strictObject({
  kind: z.literal('ended'),
  executionId: executionIdSchema,
  exitCode: z.number().int().optional(),
  signal: z.string().optional(),
  cause: z.enum(['exited', 'killed-on-order', 'deadline', 'spawn-failed']),
  quiet: z.boolean(),
  /** Of which the guardian knows that they belonged to it; missing when nothing was started. */
  processes: z
    .array(z.strictObject({ pid: pidSchema, startTicks: startTicksSchema }))
    .max(LIMITS.execProcessesToldMax)
    .optional(),
  error: errorShapeSchema.optional(),
})

export const eventSchema = z.discriminatedUnion('kind', [
  /** The first event of a guardian's life, but for warnings. */
  z.strictObject({ kind: z.literal('ready') }),
  z.strictObject({
    kind: z.literal('started'),
    executionId: executionIdSchema,
    pid: pidSchema,
    startTicks: startTicksSchema,
  }),
  z.strictObject({
    kind: z.literal('output'),
    executionId: executionIdSchema,
    stream: z.enum(['stdout', 'stderr']),
    bytes: bytesSchema,
  }),
  /** The last event of an execution. */
  endedSchema,
  /** For the log of the node. */
  z.strictObject({ kind: z.literal('warning'), message: z.string() }),
  z.strictObject({ kind: z.literal('pong') }),
])

export type GuardianEvent = z.output<typeof eventSchema>
export type EndedEvent = z.output<typeof endedSchema>

/** What a piece of output takes from the window: its bytes and, so that pieces of one byte stay bounded, its bookkeeping. */
export function creditOf(piece: Uint8Array): number {
  return piece.length + PIECE_OVERHEAD_BYTES
}

const PIECE_OVERHEAD_BYTES = 512
