import {
  CodedError,
  type LeaseId,
  nodeId,
  type PeerId,
  type ScopeId,
  type ScopeKey,
  type TaskId,
  taskId,
  unixMs,
} from '../../../src/base/index.ts'
import type {
  EventNotice,
  EventQuery,
  InviteRequest,
  InviteView,
  LeaseView,
  LogRequest,
  NodeControl,
  NodeEvent,
  NodeOrdersView,
  NodeView,
  OrderRequest,
  OrderView,
  RevokeRequest,
  RunEvent,
  RunRequest,
  StatusView,
  TaskDetailView,
  TaskView,
} from '../../../src/node/control/index.ts'

export const NOW = 1_795_000_000_000

export const DESK = nodeId('desk')
export const ATTIC = nodeId('attic')

const peer = (letter: string) => `12D3KooW${letter.repeat(44)}` as PeerId

export const STATUS: StatusView = {
  nodeId: DESK,
  peerId: peer('A'),
  scopeId: 'abcdefghijklmnop' as ScopeId,
  version: '0.1.0',
  pid: 4242,
  dataDir: '/home/ada/.local/share/populi',
  upMs: 185_000,
  facadeUrls: ['http://127.0.0.1:9847'],
  peerAddresses: ['/ip4/127.0.0.1/tcp/9846'],
  authority: {
    role: 'follower',
    leader: ATTIC,
    term: 3,
    commitIndex: 12,
    appliedIndex: 11,
    voters: [ATTIC, DESK, nodeId('nas')],
    learners: [nodeId('laptop')],
    advice: '3 machines decide: 1 of them may be away',
  },
  members: { alive: 2, suspect: 1, dead: 0, left: 0 },
  unfinishedTasks: 1,
  runningHere: 0,
  remoteExecute: { enabled: false, reason: 'lease_gating_disabled' },
  gpusWithheld: [],
}

export const LONE_STATUS: StatusView = {
  ...STATUS,
  authority: { ...STATUS.authority, role: 'none', leader: undefined },
}

export const NO_ORDERS: NodeOrdersView = {
  quarantined: false,
  retired: false,
  maintenance: false,
  maintenanceUntilUnixMs: undefined,
  drainDeadlineUnixMs: undefined,
  isFollowed: true,
}

export const ORDERS: readonly OrderView[] = [
  {
    node: ATTIC,
    field: 'quarantine',
    on: true,
    reason: 'smoke',
    untilUnixMs: undefined,
    drainDeadlineUnixMs: undefined,
    issuer: DESK,
    givenUnixMs: unixMs(NOW - 65_000),
  },
  {
    node: nodeId('nas'),
    field: 'maintenance',
    on: false,
    reason: undefined,
    untilUnixMs: undefined,
    drainDeadlineUnixMs: undefined,
    issuer: ATTIC,
    givenUnixMs: unixMs(NOW - 5_000),
  },
]

export const NODES: readonly NodeView[] = [
  {
    nodeId: DESK,
    peerId: peer('A'),
    self: true,
    status: 'alive',
    incarnation: 1,
    lastSeenAgoMs: 0,
    authority: 'voter',
    remoteExecute: false,
    runningTasks: 0,
    addresses: ['/ip4/127.0.0.1/tcp/9846'],
    version: '0.1.0',
    link: undefined,
    orders: NO_ORDERS,
    gpusWithheld: [],
  },
  {
    nodeId: ATTIC,
    peerId: peer('B'),
    self: false,
    status: 'suspect',
    incarnation: 4,
    lastSeenAgoMs: 6_400,
    authority: 'leader',
    remoteExecute: true,
    runningTasks: 2,
    addresses: ['/ip4/192.168.1.5/tcp/9846', '/ip4/100.64.0.2/tcp/9846'],
    version: '0.1.0',
    link: {
      path: 'overlay',
      remoteAddress: '100.64.0.2',
      downgradedFrom: 'lan',
      rttMs: 7.13,
      rttVariationMs: 1.5,
      fault: 'to_peer',
    },
    orders: NO_ORDERS,
    gpusWithheld: [],
  },
  {
    nodeId: nodeId('nas'),
    peerId: peer('C'),
    self: false,
    status: 'unseen',
    incarnation: 0,
    lastSeenAgoMs: undefined,
    authority: 'voter',
    remoteExecute: false,
    runningTasks: 0,
    addresses: [],
    version: undefined,
    link: undefined,
    orders: NO_ORDERS,
    gpusWithheld: [],
  },
]

export const LEASES: readonly LeaseView[] = [
  {
    leaseId: 17 as LeaseId,
    scopeKey: 'task:81' as ScopeKey,
    holder: ATTIC,
    ttlMs: 120_000,
    grantedUnixMs: unixMs(NOW - 65_000),
    renewals: 1,
    revoked: false,
  },
]

export const DONE: TaskView = {
  taskId: taskId('81'),
  argv: ['python3', 'train model.py', '--steps=5'],
  attached: true,
  state: 'completed',
  node: ATTIC,
  leaseId: 17 as LeaseId,
  reason: 'populi_remote_lease_hold',
  createdUnixMs: unixMs(NOW - 70_000),
  endedUnixMs: unixMs(NOW - 10_000),
  exitCode: 0,
  signal: undefined,
  error: undefined,
}

export const QUEUED: TaskView = {
  ...DONE,
  taskId: taskId('82'),
  argv: ['sleep', '600'],
  state: 'queued',
  node: undefined,
  leaseId: undefined,
  reason: undefined,
  createdUnixMs: unixMs(NOW - 2_000),
  endedUnixMs: undefined,
  exitCode: undefined,
}

export const DETAIL: TaskDetailView = {
  ...DONE,
  history: [
    {
      atUnixMs: unixMs(NOW - 70_000),
      state: 'queued',
      node: undefined,
      leaseId: undefined,
      reason: undefined,
      detail: undefined,
    },
    {
      atUnixMs: unixMs(NOW - 69_000),
      state: 'running',
      node: ATTIC,
      leaseId: 17 as LeaseId,
      reason: 'populi_remote_lease_hold',
      detail: undefined,
    },
    {
      atUnixMs: unixMs(NOW - 10_000),
      state: 'completed',
      node: ATTIC,
      leaseId: 17 as LeaseId,
      reason: undefined,
      detail: 'exit code 0',
    },
  ],
  runs: [
    { state: 'start', atUnixMs: unixMs(NOW - 69_000) },
    { state: 'complete', atUnixMs: unixMs(NOW - 10_000) },
  ],
  cancelLatencyMs: undefined,
  fallback: 'local',
  timeoutMs: undefined,
  deadlineUnixMs: undefined,
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  attempts: 1,
  starts: 1,
  finalResults: 1,
  refusedResults: 0,
  outputBytes: 2048,
  outputBytesKept: 2048,
}

export const EVENTS: readonly NodeEvent[] = [
  {
    sequence: 7,
    atUnixMs: unixMs(NOW - 5_000),
    kind: 'member',
    type: 'member:dead',
    node: ATTIC,
    reason: 'no_refutation',
    detail: { was: 'suspect', incarnation: 3 },
  },
  {
    sequence: 8,
    atUnixMs: unixMs(NOW - 4_000),
    kind: 'authority',
    type: 'authority:leader_lost',
    node: undefined,
    reason: undefined,
    detail: {},
  },
]

export const INVITE: InviteView = {
  invite: 'populi1-an-invite-string',
  expiresUnixMs: unixMs(NOW + 900_000),
  urls: ['http://192.168.1.4:9847'],
}

export function stateEvent(
  fields: Partial<Extract<RunEvent, { type: 'state' }>>,
): Extract<RunEvent, { type: 'state' }> {
  return {
    type: 'state',
    taskId: taskId('81'),
    state: 'queued',
    atUnixMs: unixMs(NOW),
    node: undefined,
    leaseId: undefined,
    reason: undefined,
    detail: undefined,
    ...fields,
  }
}

export const output = (stream: 'stdout' | 'stderr', text: string | Uint8Array): RunEvent => ({
  type: 'output',
  stream,
  chunk: typeof text === 'string' ? Buffer.from(text) : text,
})

export const result = (fields: Partial<TaskView> = {}): RunEvent => ({
  type: 'result',
  task: { ...DONE, ...fields },
})

type Run = NodeControl['run']

/** A node that answers with the views above and remembers what it was asked. */
export class FakeControl implements NodeControl {
  readonly runs: RunRequest[] = []
  readonly submitted: RunRequest[] = []
  readonly logRequests: LogRequest[] = []
  readonly cancelled: TaskId[] = []
  readonly invites: InviteRequest[] = []
  readonly revoked: RevokeRequest[] = []
  readonly ordered: OrderRequest[] = []
  /** How long callers have paused in all: time passes in nothing else. */
  pausedMs = 0
  readonly eventQueries: EventQuery[] = []
  currentStatus: StatusView = STATUS
  onFollow: NodeControl['followEvents'] = async (_, report) => {
    for (const event of EVENTS) await report({ type: 'event', event })
  }
  onRun: Run = async (_, report) => report(result())
  onLogs: NodeControl['logs'] = async (_, report) => {
    await report({ type: 'output', stream: 'stdout', chunk: Buffer.from('step 1\n') })
  }
  onWait: NodeControl['wait'] = async (id) => ({ ...DONE, taskId: id })

  status: NodeControl['status'] = async () => this.currentStatus
  nodes: NodeControl['nodes'] = async () => NODES
  orders: NodeControl['orders'] = () => ORDERS
  leases = async () => LEASES
  tasks = () => [QUEUED, DONE]

  async task(id: TaskId): Promise<TaskDetailView> {
    if (id !== DETAIL.taskId) throw new CodedError('task.unknown', { taskId: id })
    return DETAIL
  }

  async cancel(id: TaskId): Promise<TaskView> {
    this.cancelled.push(id)
    return {
      ...QUEUED,
      taskId: id,
      state: 'cancelled',
      endedUnixMs: unixMs(NOW),
      reason: 'cancelled_by_user',
    }
  }

  async submit(request: RunRequest): Promise<TaskView> {
    this.submitted.push(request)
    return { ...QUEUED, attached: false }
  }

  logs: NodeControl['logs'] = (request, report, signal) => {
    this.logRequests.push(request)
    return this.onLogs(request, report, signal)
  }

  wait: NodeControl['wait'] = (id, signal) => this.onWait(id, signal)

  events(query: EventQuery): readonly NodeEvent[] {
    this.eventQueries.push(query)
    return EVENTS
  }

  followEvents(
    query: EventQuery,
    report: (notice: EventNotice) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    this.eventQueries.push(query)
    return this.onFollow(query, report, signal)
  }

  async revoke(request: RevokeRequest): Promise<void> {
    this.revoked.push(request)
  }

  async pause(ms: number): Promise<void> {
    this.pausedMs += ms
  }

  async order(request: OrderRequest): Promise<OrderView> {
    this.ordered.push(request)
    const { field, on, reason, until, drainMs } = request
    const untilUnixMs = until === undefined ? undefined : 'inMs' in until ? NOW + until.inMs : until.atUnixMs
    return {
      node: nodeId(request.node),
      field,
      on,
      reason,
      untilUnixMs: untilUnixMs === undefined ? undefined : unixMs(untilUnixMs),
      drainDeadlineUnixMs: drainMs === undefined ? undefined : unixMs(NOW + drainMs),
      issuer: DESK,
      givenUnixMs: unixMs(NOW),
    }
  }

  async invite(request: InviteRequest): Promise<InviteView> {
    this.invites.push(request)
    return INVITE
  }

  run: Run = (request, report, signal) => {
    this.runs.push(request)
    return this.onRun(request, report, signal)
  }
}

/** Settles when `signal` aborts. */
export function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((settle) => {
    if (signal.aborted) settle()
    signal.addEventListener('abort', () => settle(), { once: true })
  })
}
