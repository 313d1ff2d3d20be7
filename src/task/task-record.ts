import { z } from 'zod'
import {
  decode,
  encode,
  type LeaseId,
  type NodeId,
  type PeerId,
  type Reason,
  type TaskId,
  type UnixMs,
} from '../base/index.ts'
import { outcomeSchema } from './messages.ts'
import { workSchema } from './work.ts'

const TASK_STATES = [
  'queued',
  'placing',
  'leasing',
  'offered',
  'running',
  'fallback',
  'completed',
  'failed',
  'cancelled',
] as const
export type TaskState = (typeof TASK_STATES)[number]

export function isFinal(state: TaskState): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled'
}

const branded = <Id extends string>() => z.string().transform((value) => value as Id)
const leaseId = z.number().transform((value) => value as LeaseId)
const unixMs = z.number().transform((value) => value as UnixMs)
const reason = z.string().transform((value) => value as Reason)

const attemptSchema = z.object({
  peer: branded<PeerId>(),
  nodeId: branded<NodeId>(),
  leaseId: leaseId.optional(),
  ttlMs: z.number().optional(),
  started: z.boolean(),
  /** Output received, both streams together. */
  outputBytes: z.number(),
})

const changeSchema = z.object({
  atUnixMs: unixMs,
  state: z.enum(TASK_STATES),
  node: branded<NodeId>().optional(),
  leaseId: leaseId.optional(),
  reason: reason.optional(),
  detail: z.string().optional(),
})

const recordSchema = z.object({
  taskId: branded<TaskId>(),
  /** Chosen once, kept over every new attempt. */
  idempotencyKey: z.string(),
  scope: z.string(),
  work: workSchema,
  /** The node that the user asked for. */
  on: z.string().optional(),
  createdUnixMs: unixMs,
  endedUnixMs: unixMs.optional(),
  state: z.enum(TASK_STATES),
  reason: reason.optional(),
  error: z.string().optional(),
  attempt: attemptSchema.optional(),
  refusedBy: z.array(branded<PeerId>()),
  cancelRequested: z.boolean(),
  history: z.array(changeSchema),
  outcome: outcomeSchema.optional(),
  /** Processes started for this task, as far as the submitter was told. */
  starts: z.number(),
  /** 0 or 1: a task has exactly one final result. */
  finalResults: z.number(),
  /** Results of attempts that did not count any more. */
  refusedResults: z.number(),
})

type Loose = z.output<typeof recordSchema>
/** What the submitter knows of a task and keeps in its journal. */
export type TaskRecord = { readonly [Key in keyof Loose]: Loose[Key] }
/** One lease for one worker. */
export type Attempt = {
  readonly [Key in keyof z.output<typeof attemptSchema>]: z.output<typeof attemptSchema>[Key]
}
export function newAttempt(peer: PeerId, nodeId: NodeId): Attempt {
  return { peer, nodeId, leaseId: undefined, ttlMs: undefined, started: false, outputBytes: 0 }
}

export type TaskChange = TaskRecord['history'][number]

/** A fresh record in state `queued`. */
export function newTaskRecord(init: {
  taskId: TaskId
  idempotencyKey: string
  scope: string
  work: TaskRecord['work']
  on: string | undefined
  createdUnixMs: UnixMs
}): TaskRecord {
  return {
    ...init,
    state: 'queued',
    refusedBy: [],
    cancelRequested: false,
    history: [],
    starts: 0,
    finalResults: 0,
    refusedResults: 0,
  }
}

export const encodeTaskRecord = (record: TaskRecord): Uint8Array => encode(record)
export const decodeTaskRecord = (bytes: Uint8Array): TaskRecord => decode(recordSchema, bytes, 'task record')
