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
import { runChangeSchema } from './run-states.ts'
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

const FALLBACKS = ['local', 'none'] as const
export type Fallback = (typeof FALLBACKS)[number]

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
  /**
   * Output received, both streams together, as the worker counts it. In the journal it is old: `outputBase + outputBytes` is always
   * where the task's log ends.
   */
  outputBytes: z.number(),
  /** Where the first byte of this attempt's output lies in the task's log; lower by what is missing in between. */
  outputBase: z.number().default(0),
  /** From the sending of the offer until its worker was told of as quiet, or must be by the clocks. */
  mayExecute: z.boolean().default(true),
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
  /** It has a reader at its submitter, and holds a lease of it besides the authority's; otherwise it goes on whoever is away. */
  attached: z.boolean().default(true),
  /** What happens when the node that it was given to cannot run it to its end: it runs at home, or fails. */
  fallback: z.enum(FALLBACKS).default('local'),
  /** W3C Trace Context. */
  traceparent: z.string().optional(),
  /** Not begun after it, and ended at it. */
  deadlineUnixMs: unixMs.optional(),
  createdUnixMs: unixMs,
  endedUnixMs: unixMs.optional(),
  state: z.enum(TASK_STATES),
  reason: reason.optional(),
  error: z.string().optional(),
  attempt: attemptSchema.optional(),
  /** How often it was offered, at home included. */
  attempts: z.number().default(0),
  refusedBy: z.array(branded<PeerId>()),
  cancelRequested: z.boolean(),
  /** The newest `LIMITS.taskHistoryMax`, and the first. */
  history: z.array(changeSchema),
  runs: z.array(runChangeSchema).default([]),
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
/** @param outputBase where the log of the task ends. */
export function newAttempt(peer: PeerId, nodeId: NodeId, outputBase: number): Attempt {
  return {
    peer,
    nodeId,
    leaseId: undefined,
    ttlMs: undefined,
    started: false,
    outputBytes: 0,
    outputBase,
    mayExecute: false,
  }
}

/** Where the output ends that was received of all attempts. */
export function outputEndOf({ attempt }: TaskRecord): number {
  return attempt === undefined ? 0 : attempt.outputBase + attempt.outputBytes
}

export type TaskChange = TaskRecord['history'][number]

/** A fresh record in state `queued`. */
export function newTaskRecord(init: {
  taskId: TaskId
  idempotencyKey: string
  scope: string
  work: TaskRecord['work']
  on: string | undefined
  attached: boolean
  fallback: Fallback
  traceparent: string
  deadlineUnixMs: UnixMs | undefined
  createdUnixMs: UnixMs
}): TaskRecord {
  return {
    ...init,
    state: 'queued',
    attempts: 0,
    refusedBy: [],
    cancelRequested: false,
    history: [],
    runs: [],
    starts: 0,
    finalResults: 0,
    refusedResults: 0,
  }
}

export const encodeTaskRecord = (record: TaskRecord): Uint8Array => encode(record)
export const decodeTaskRecord = (bytes: Uint8Array): TaskRecord => decode(recordSchema, bytes, 'task record')
