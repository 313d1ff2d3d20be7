import type { LeaseId, NodeId, PeerId, ScopeId, ScopeKey, TaskId, UnixMs } from '../../base/index.ts'
import type { EventKind } from '../event-types.ts'
import type { NodeEvent } from '../node-events.ts'

/**
 * What a running node offers to its owner over the local socket. `node/` implements it, the control server
 * exposes it, the CLI calls it. Every method may throw a `CodedError`, which reaches the caller as it is.
 */
export interface NodeControl {
  /** A node without a vote asks the authority how the authority is; when it cannot, `leader` is undefined. */
  status(): Promise<StatusView>
  nodes(): Promise<readonly NodeView[]>
  /** The live leases, as their authority says. @throws CodedError `authority.no_leader` */
  leases(): Promise<readonly LeaseView[]>
  tasks(): readonly TaskView[]
  /** @throws CodedError `task.unknown` */
  task(id: TaskId): Promise<TaskDetailView>
  /**
   * Takes a lease back: no renewal any more, its holder is told to end the work, and the key is free when the holder is
   * quiet or its span is over. With `force` the key is free at once, and that one owner is no longer sure is on the record.
   * @throws CodedError `lease.unknown`, `credential.not_admin`, `authority.no_leader`
   */
  revoke(request: RevokeRequest): Promise<void>
  /**
   * Gives an admin order in this node's name: it counts here at once, reaches everybody who can be reached without asking
   * the authority, and everybody else when they are back. Resolves when it is on this node's disk.
   * @throws CodedError `credential.not_admin`, `task.no_such_node`, `input.invalid`
   */
  order(request: OrderRequest): Promise<OrderView>
  /** The orders that this node knows: the last one for each node and field, those that lift another included. */
  orders(): readonly OrderView[]
  /** @throws CodedError `task.unknown`, `task.ended`. Resolves when the task has ended. */
  cancel(id: TaskId): Promise<TaskView>
  /**
   * Resolves when the task has ended, and at once when it has.
   * @throws CodedError `task.unknown`; `node.stopping` when `signal` aborted before: whoever goes away does not hear it
   */
  wait(id: TaskId, signal: AbortSignal): Promise<TaskView>
  /**
   * Takes a detached task: it goes on without a reader, whoever is away. Resolves when it is on this node's disk.
   * @throws as `run`
   */
  submit(request: RunRequest): Promise<TaskView>
  /**
   * What the task has printed, as far as it is kept, in the order in which it came here; with `follow`, then what it prints, until it has
   * ended. The next event is not reported before the promise that `report` returned has settled, and nobody waits for this
   * reader: what goes meanwhile is told as `missing`.
   * @throws CodedError `task.unknown`, `limit.exceeded`; `node.stopping` when `signal` aborted before the end
   */
  logs(request: LogRequest, report: (event: LogEvent) => Promise<void>, signal: AbortSignal): Promise<void>
  /** The newest events that fit, in order. */
  events(query: EventQuery): readonly NodeEvent[]
  /**
   * The same, and then every event that fits, when it happens, until `signal` aborts or the node stops. The next one is not
   * reported before the promise that `report` returned has settled; what is overwritten meanwhile is told as `missed`.
   */
  followEvents(
    query: EventQuery,
    report: (notice: EventNotice) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>
  /** @throws CodedError `authority.no_leader`, `enrol.no_root_key` */
  invite(request: InviteRequest): Promise<InviteView>
  /**
   * Runs a command and reports until it has its one final result; the last event is `result`. The next event is not
   * produced before the promise that `report` returned has settled: a slow reader slows the command. When
   * `signal` aborts, the task is cancelled; from then on `report` takes events and drops them.
   */
  run(request: RunRequest, report: (event: RunEvent) => Promise<void>, signal: AbortSignal): Promise<void>
}

/** The same calls from another process: each can also fail as connections do. */
export type NodeControlClient = {
  readonly [Call in keyof NodeControl]: (
    ...args: Parameters<NodeControl[Call]>
  ) => Promise<Awaited<ReturnType<NodeControl[Call]>>>
}

export interface StatusView {
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly scopeId: ScopeId
  readonly version: string
  readonly pid: number
  readonly dataDir: string
  readonly upMs: number
  readonly facadeUrls: readonly string[]
  readonly peerAddresses: readonly string[]
  readonly authority: AuthorityView
  readonly members: Readonly<Record<MemberStatus, number>>
  readonly unfinishedTasks: number
  /** Executions of this node's guardian. */
  readonly runningHere: number
  readonly remoteExecute: { readonly enabled: boolean; readonly reason: string }
  readonly gpusWithheld: readonly WithheldGpuView[]
}

/** A GPU that gets no work. */
export interface WithheldGpuView {
  readonly uuid: string
  /** Code of the reason vocabulary. */
  readonly reason: string
  /** The processes that hold it, or what the driver said; only the node itself knows. */
  readonly detail: string | undefined
  readonly sinceUnixMs: UnixMs
}

export interface AuthorityView {
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner' | 'none'
  readonly leader: NodeId | undefined
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly voters: readonly NodeId[]
  /** Nodes that follow the log without a vote. */
  readonly learners: readonly NodeId[]
  /** What the leader's autopilot has to say about the voters, for people; absent when there is nothing to say. */
  readonly advice: string | undefined
}

export type MemberStatus = 'alive' | 'suspect' | 'dead' | 'left'

export interface NodeView {
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly self: boolean
  readonly status: MemberStatus | 'unseen'
  readonly incarnation: number
  /** Age of the last sign of life; undefined for `unseen` and 0 for this node. */
  readonly lastSeenAgoMs: number | undefined
  readonly authority: 'leader' | 'voter' | 'learner' | 'none'
  readonly remoteExecute: boolean
  readonly runningTasks: number
  readonly addresses: readonly string[]
  readonly version: string | undefined
  /** The way to it from this node; absent for this node, and where nothing is known of it. */
  readonly link: LinkView | undefined
  readonly orders: NodeOrdersView
  readonly gpusWithheld: readonly WithheldGpuView[]
}

interface LinkView {
  /** What the connection takes; absent without a connection. */
  readonly path: LinkPath | undefined
  readonly remoteAddress: string | undefined
  /** The better path that it took before. */
  readonly downgradedFrom: LinkPath | undefined
  /** Of this node's own probes, smoothed, and its variation. */
  readonly rttMs: number | undefined
  readonly rttVariationMs: number | undefined
  /** Probes fail, while others reach it: `to_peer`: it does not hear this node; `from_peer`: this node does not hear it. */
  readonly fault: 'to_peer' | 'from_peer' | 'both' | undefined
}

type LinkPath = 'loopback' | 'lan' | 'overlay' | 'internet' | 'relayed'

/** How a node stands by the admin orders that the answering node knows. */
export interface NodeOrdersView {
  readonly quarantined: boolean
  readonly retired: boolean
  readonly maintenance: boolean
  readonly maintenanceUntilUnixMs: UnixMs | undefined
  readonly drainDeadlineUnixMs: UnixMs | undefined
  /** The node's own record says the same: the orders have reached it, and `runningTasks` was counted since. */
  readonly isFollowed: boolean
}

export interface OrderView {
  readonly node: NodeId
  readonly field: 'quarantine' | 'maintenance' | 'retire'
  /** `false`: it lifts what was ordered before. */
  readonly on: boolean
  readonly reason: string | undefined
  readonly untilUnixMs: UnixMs | undefined
  readonly drainDeadlineUnixMs: UnixMs | undefined
  readonly issuer: NodeId
  /** By the clock that was furthest ahead when it was given. */
  readonly givenUnixMs: UnixMs
}

export interface LeaseView {
  readonly leaseId: LeaseId
  readonly scopeKey: ScopeKey
  readonly holder: NodeId
  readonly ttlMs: number
  readonly grantedUnixMs: UnixMs
  readonly renewals: number
  /** Taken back: its holder is ending the work. */
  readonly revoked: boolean
}

export interface RevokeRequest {
  readonly leaseId: LeaseId
  readonly force: boolean
}

export interface OrderRequest {
  /** By name, or by peer id. */
  readonly node: string
  readonly field: OrderView['field']
  readonly on: boolean
  readonly reason: string | undefined
  /** Of a maintenance: when it is over by itself. Spans count from now, by the clock of the node that gives the order. */
  readonly until: { readonly atUnixMs: number } | { readonly inMs: number } | undefined
  /** Of a maintenance: after this time, what still runs is ended. */
  readonly drainMs: number | undefined
}

export interface InviteRequest {
  readonly ttlMs: number
}

export interface InviteView {
  /** The whole string for `populi join`. A secret: printed once, never logged. */
  readonly invite: string
  readonly expiresUnixMs: UnixMs
  readonly urls: readonly string[]
}

export interface RunRequest {
  /** Program and arguments; at least one. */
  readonly argv: readonly string[]
  readonly cwd: string | undefined
  /** Added to the worker's own environment. */
  readonly env: Readonly<Record<string, string>>
  /** Only this node; `undefined`: any eligible other node, else here. */
  readonly on: string | undefined
  /** Wall time of the command after which it is ended; `undefined`: none. */
  readonly timeoutMs: number | undefined
  /** With a reader here (default), or going on whoever is away. `run` and `submit` say it by themselves. */
  readonly attached?: boolean | undefined
  /** When another node cannot run it, or run it to its end: it runs here (default), or fails. */
  readonly fallback?: 'local' | 'none' | undefined
  /** W3C Trace Context of the caller; without a sound one, a trace begins with the task. */
  readonly traceparent?: string | undefined
  /** The task is not begun after it, and ended at it. */
  readonly deadlineUnixMs?: UnixMs | undefined
}

export interface LogRequest {
  readonly taskId: TaskId
  readonly follow: boolean
  /** Only the newest; `undefined`: all that is kept. */
  readonly tail: { readonly lines: number } | { readonly bytes: number } | undefined
}

export type LogEvent =
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }
  /** So many bytes before the next output are not kept any more. */
  | { readonly type: 'missing'; readonly bytes: number }

/** Which events. */
export interface EventQuery {
  /** Empty: all. */
  readonly kinds: readonly EventKind[]
  /** Only those about this node. */
  readonly node: string | undefined
  readonly sinceUnixMs: UnixMs | undefined
  /** Only the newest of those that fit; 0: none of the past. */
  readonly limit: number
}

export type EventNotice =
  | { readonly type: 'event'; readonly event: NodeEvent }
  /** So many events were overwritten before the reader came to them. */
  | { readonly type: 'missed'; readonly count: number }

/** In the order of a life. */
export const TASK_STATES = [
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

export type RunEvent =
  | {
      readonly type: 'state'
      readonly taskId: TaskId
      readonly state: TaskState
      readonly atUnixMs: UnixMs
      readonly node: NodeId | undefined
      readonly leaseId: LeaseId | undefined
      readonly reason: string | undefined
      /** One sentence for people. */
      readonly detail: string | undefined
    }
  | { readonly type: 'output'; readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }
  | { readonly type: 'result'; readonly task: TaskView }

export interface TaskView {
  readonly taskId: TaskId
  /** Of a call: the name of the function. */
  readonly argv: readonly string[]
  /** It has a reader that it ends with; otherwise it was submitted, and goes on whoever is away. */
  readonly attached: boolean
  readonly state: TaskState
  readonly node: NodeId | undefined
  readonly leaseId: LeaseId | undefined
  /** Code of the reason vocabulary: why it is where it is. */
  readonly reason: string | undefined
  readonly createdUnixMs: UnixMs
  readonly endedUnixMs: UnixMs | undefined
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** Why it could not be run or was ended, for people. */
  readonly error: string | undefined
}

export interface TaskDetailView extends TaskView {
  readonly history: readonly {
    readonly atUnixMs: UnixMs
    readonly state: TaskState
    readonly node: NodeId | undefined
    readonly leaseId: LeaseId | undefined
    readonly reason: string | undefined
    readonly detail: string | undefined
  }[]
  /** The five states of a run, as other tools ask for them. */
  readonly runs: readonly { readonly state: RunState; readonly atUnixMs: UnixMs }[]
  /** From the first request to cancel to the end. */
  readonly cancelLatencyMs: number | undefined
  readonly fallback: 'local' | 'none'
  readonly timeoutMs: number | undefined
  readonly deadlineUnixMs: UnixMs | undefined
  readonly traceparent: string | undefined
  /** How often it was offered to a node, this one included. */
  readonly attempts: number
  /** How often a process was started for it, here or elsewhere, as far as this node was told. */
  readonly starts: number
  readonly finalResults: number
  /** Results of attempts that did not count any more. */
  readonly refusedResults: number
  /** All that it has printed. */
  readonly outputBytes: number
  /** Of these, what this node still keeps: the newest. */
  readonly outputBytesKept: number
}

type RunState = 'start' | 'cancel_requested' | 'cancelled' | 'complete' | 'error'
