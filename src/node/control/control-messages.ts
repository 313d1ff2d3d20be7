/**
 * What crosses the control socket: calls and answers are JSON over HTTP. JSON has no `undefined`; it crosses as `null`,
 * so that a field never goes missing for the programs that read `--json`.
 */
import { z } from 'zod'
import type { TaskId, UnixMs } from '../../base/index.ts'
import {
  CodedError,
  type LeaseId,
  LIMITS,
  type NodeId,
  type PeerId,
  type ScopeId,
  type ScopeKey,
} from '../../base/index.ts'
import { EVENT_KINDS, type EventKind } from '../event-types.ts'
import type { NodeEvent } from '../node-events.ts'
import {
  type EventNotice,
  type EventQuery,
  type InviteRequest,
  type InviteView,
  type LeaseView,
  type LogEvent,
  type LogRequest,
  type NodeView,
  type OrderRequest,
  type OrderView,
  type RevokeRequest,
  type RunEvent,
  type RunRequest,
  type StatusView,
  TASK_STATES,
  type TaskDetailView,
  type TaskView,
} from './node-control.ts'

/** Value ↔ bytes of everything but output. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => (field === undefined ? null : field))
}

/** @throws CodedError `wire.malformed` */
export function fromJson<Value>(schema: z.ZodType<Value>, text: string, what: string): Value {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new CodedError('wire.malformed', { what, reason: 'not JSON' }, { cause })
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new CodedError('wire.malformed', { what, reason: firstIssue(result.error) })
}

export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  if (issue === undefined) return 'does not fit'
  return issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`
}

/** A view comes from a node that has checked its ids: here their type is enough. */
const branded = <Id extends string | number>(schema: z.ZodType<string> | z.ZodType<number>) =>
  schema as unknown as z.ZodType<Id>
const absent = <Value>(schema: z.ZodType<Value>) => schema.nullable().transform((value) => value ?? undefined)

/** The same for a field that may also be left out. */
const optional = <Value>(schema: z.ZodType<Value>) =>
  schema.nullish().transform((value) => value ?? undefined)

const node = branded<NodeId>(z.string())
const peer = branded<PeerId>(z.string())
const task = branded<TaskId>(z.string())
const lease = branded<LeaseId>(z.number())
const unixMs = branded<UnixMs>(z.number())
const text = z.string()
const number = z.number()
const count = z.int().nonnegative()

// Requests

/** The kernel ends arguments and variables at NUL. */
const withoutNul = text.regex(/^[^\0]*$/, 'must not contain NUL')
const variableName = text.regex(/^[^=\0]+$/, 'must not be empty nor contain "=" or NUL')

export const runRequestSchema: z.ZodType<RunRequest> = z.object({
  argv: z
    .array(withoutNul)
    .min(1)
    .refine((argv) => argv[0] !== '', 'the program has no name'),
  cwd: absent(withoutNul),
  env: z.record(variableName, withoutNul),
  on: absent(text),
  timeoutMs: absent(z.int().positive().max(LIMITS.commandTimeoutMsMax)),
  fallback: optional(z.enum(['local', 'none'])),
  deadlineUnixMs: optional(branded<UnixMs>(z.int().positive())),
  traceparent: optional(text.max(LIMITS.traceparentCharsMax)),
})

/** The task is named by the address of the call. */
export const logRequestSchema: z.ZodType<Omit<LogRequest, 'taskId'>> = z.object({
  follow: z.boolean(),
  tail: absent(z.union([z.object({ lines: count.max(LIMITS.tailLinesMax) }), z.object({ bytes: count })])),
})

const eventKind = z.enum(Object.keys(EVENT_KINDS) as EventKind[])

export const eventQuerySchema: z.ZodType<EventQuery> = z.object({
  kinds: z.array(eventKind),
  node: absent(text),
  sinceUnixMs: absent(unixMs),
  limit: count,
})

export const inviteRequestSchema: z.ZodType<InviteRequest> = z.object({ ttlMs: z.int().positive() })

export const revokeRequestSchema: z.ZodType<RevokeRequest> = z.object({
  leaseId: branded<LeaseId>(z.int().positive()),
  force: z.boolean(),
})

const span = z.int().positive().max(LIMITS.orderSpanMsMax)

export const orderRequestSchema: z.ZodType<OrderRequest> = z
  .object({
    node: text.min(1),
    field: z.enum(['quarantine', 'maintenance', 'retire']),
    on: z.boolean(),
    reason: absent(text.min(1).max(LIMITS.orderReasonCharsMax)),
    until: absent(z.union([z.object({ atUnixMs: z.int().positive() }), z.object({ inMs: span })])),
    drainMs: absent(span),
  })
  .refine(
    ({ field, on, until, drainMs }) =>
      (field === 'maintenance' && on) || (until === undefined && drainMs === undefined),
    'only a maintenance that begins has an end or a deadline',
  )

// Answers

/** To a call that has nothing to say but that it was done. */
export const doneSchema = z.object({})

const linkPath = z.enum(['loopback', 'lan', 'overlay', 'internet', 'relayed'])
const memberStatus = z.enum(['alive', 'suspect', 'dead', 'left'])
const taskState = z.enum(TASK_STATES)

const runState = z.enum(['start', 'cancel_requested', 'cancelled', 'complete', 'error'])

const gpusWithheld = z.array(
  z.object({ uuid: text, reason: text, detail: absent(text), sinceUnixMs: unixMs }),
)

export const statusSchema: z.ZodType<StatusView> = z.object({
  nodeId: node,
  peerId: peer,
  scopeId: branded<ScopeId>(text),
  version: text,
  pid: number,
  dataDir: text,
  upMs: number,
  facadeUrls: z.array(text),
  peerAddresses: z.array(text),
  authority: z.object({
    role: z.enum(['leader', 'follower', 'candidate', 'learner', 'none']),
    leader: absent(node),
    term: count,
    commitIndex: count,
    appliedIndex: count,
    voters: z.array(node),
    learners: z.array(node),
    advice: absent(text),
  }),
  members: z.record(memberStatus, count),
  unfinishedTasks: count,
  runningHere: count,
  remoteExecute: z.object({ enabled: z.boolean(), reason: text }),
  gpusWithheld,
})

export const nodesSchema: z.ZodType<readonly NodeView[]> = z.array(
  z.object({
    nodeId: node,
    peerId: peer,
    self: z.boolean(),
    status: z.enum([...memberStatus.options, 'unseen']),
    incarnation: number,
    lastSeenAgoMs: absent(number),
    authority: z.enum(['leader', 'voter', 'learner', 'none']),
    remoteExecute: z.boolean(),
    runningTasks: count,
    addresses: z.array(text),
    version: absent(text),
    link: absent(
      z.object({
        path: absent(linkPath),
        remoteAddress: absent(text),
        downgradedFrom: absent(linkPath),
        rttMs: absent(number),
        rttVariationMs: absent(number),
        fault: absent(z.enum(['to_peer', 'from_peer', 'both'])),
      }),
    ),
    orders: z.object({
      quarantined: z.boolean(),
      retired: z.boolean(),
      maintenance: z.boolean(),
      maintenanceUntilUnixMs: absent(unixMs),
      drainDeadlineUnixMs: absent(unixMs),
      isFollowed: z.boolean(),
    }),
    gpusWithheld,
  }),
)

export const orderSchema: z.ZodType<OrderView> = z.object({
  node,
  field: z.enum(['quarantine', 'maintenance', 'retire']),
  on: z.boolean(),
  reason: absent(text),
  untilUnixMs: absent(unixMs),
  drainDeadlineUnixMs: absent(unixMs),
  issuer: node,
  givenUnixMs: unixMs,
})

export const ordersSchema: z.ZodType<readonly OrderView[]> = z.array(orderSchema)

export const leasesSchema: z.ZodType<readonly LeaseView[]> = z.array(
  z.object({
    leaseId: lease,
    scopeKey: branded<ScopeKey>(text),
    holder: node,
    ttlMs: number,
    grantedUnixMs: unixMs,
    renewals: count,
    revoked: z.boolean(),
  }),
)

const taskFields = {
  taskId: task,
  argv: z.array(text),
  attached: z.boolean(),
  state: taskState,
  node: absent(node),
  leaseId: absent(lease),
  reason: absent(text),
  createdUnixMs: unixMs,
  endedUnixMs: absent(unixMs),
  exitCode: absent(number),
  signal: absent(text),
  error: absent(text),
}

const stateFields = {
  atUnixMs: unixMs,
  state: taskState,
  node: absent(node),
  leaseId: absent(lease),
  reason: absent(text),
  detail: absent(text),
}

export const taskSchema: z.ZodType<TaskView> = z.object(taskFields)

export const tasksSchema: z.ZodType<readonly TaskView[]> = z.array(taskSchema)

export const taskDetailSchema: z.ZodType<TaskDetailView> = z.object({
  ...taskFields,
  history: z.array(z.object(stateFields)),
  runs: z.array(z.object({ state: runState, atUnixMs: unixMs })),
  cancelLatencyMs: absent(number),
  fallback: z.enum(['local', 'none']),
  timeoutMs: absent(number),
  deadlineUnixMs: absent(unixMs),
  traceparent: absent(text),
  attempts: count,
  starts: count,
  finalResults: count,
  refusedResults: count,
  outputBytes: count,
  outputBytesKept: count,
})

export const eventSchema: z.ZodType<NodeEvent> = z.object({
  sequence: count,
  atUnixMs: unixMs,
  kind: eventKind,
  type: text,
  node: absent(node),
  reason: absent(text),
  detail: z.record(text, z.union([text, number, z.boolean()])),
})

export const eventsSchema: z.ZodType<readonly NodeEvent[]> = z.array(eventSchema)

export const eventNoticeSchema: z.ZodType<EventNotice> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('event'), event: eventSchema }),
  z.object({ type: z.literal('missed'), count }),
])

export const inviteSchema: z.ZodType<InviteView> = z.object({
  invite: text,
  expiresUnixMs: unixMs,
  urls: z.array(text),
})

export const errorSchema = z.object({ code: text, message: text, hint: text })

/** The events of a run that are JSON; output has frames of its own. */
type JsonRunEvent = Exclude<RunEvent, { type: 'output' }>

/** The same of `logs`. */
export const logEventSchema: z.ZodType<Exclude<LogEvent, { type: 'output' }>> = z.object({
  type: z.literal('missing'),
  bytes: count,
})

export const runEventSchema: z.ZodType<JsonRunEvent> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('state'), taskId: task, ...stateFields }),
  z.object({ type: z.literal('result'), task: taskSchema }),
])
