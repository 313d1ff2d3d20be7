/** What a running node offers to its owner: `NodeControl` over the composed node. */
import {
  type Clock,
  CodedError,
  LIMITS,
  type NodeId,
  nodeId,
  type PeerId,
  type ScopeId,
  type TaskId,
  taskId,
} from '../base/index.ts'
import type { NodeConfig } from './config/index.ts'
import type {
  AuthorityView,
  EventNotice,
  EventQuery,
  InviteRequest,
  InviteView,
  LeaseView,
  LogEvent,
  LogRequest,
  NodeControl,
  NodeView,
  OrderRequest,
  OrderView,
  RevokeRequest,
  RunEvent,
  RunRequest,
  StatusView,
  TaskDetailView,
  TaskView,
} from './control/node-control.ts'
import type { Enrolment } from './enrolment.ts'
import type { EventLog } from './event-log.ts'
import type { MeshNode } from './mesh-node.ts'
import type { NodeEvent } from './node-events.ts'
import { newOrder, orderView } from './order-views.ts'
import { checkRequestedNode } from './placing.ts'
import type { RosterBook } from './roster-book.ts'
import { readTaskLog } from './task-log-reader.ts'
import { taskDetailView, taskView } from './task-views.ts'
import { authorityView, countMembers, distantAuthorityView, leaseViews, nodeView } from './views.ts'
import { type WithheldDevice, withheldView } from './withheld-devices.ts'

/** Longer than an election; a person waits for it. */
const VIEW_DEADLINE_MS = 2000

interface LocalControlInit {
  readonly devices: { withheld(): readonly WithheldDevice[] }
  readonly node: MeshNode
  readonly enrolment: Enrolment
  readonly book: RosterBook
  readonly events: EventLog
  readonly config: NodeConfig
  readonly clock: Clock
  readonly self: { readonly peerId: PeerId; readonly nodeId: NodeId; readonly scopeId: ScopeId }
  readonly version: string
  readonly dataDir: string
  readonly facadeUrls: () => readonly string[]
  readonly peerAddresses: () => readonly string[]
}

export class LocalControl implements NodeControl {
  private readonly init: LocalControlInit
  private readonly startedAt: number
  private logReaders = 0

  constructor(init: LocalControlInit) {
    this.init = init
    this.startedAt = init.clock.now()
  }

  async status(deadlineMs = VIEW_DEADLINE_MS): Promise<StatusView> {
    const { node, config, clock, self, version, dataDir } = this.init
    const { nodeId, peerId, scopeId } = self
    return {
      nodeId,
      peerId,
      scopeId,
      version,
      pid: process.pid,
      dataDir,
      upMs: Math.round(clock.now() - this.startedAt),
      facadeUrls: this.init.facadeUrls(),
      peerAddresses: this.init.peerAddresses(),
      authority: await this.authority(deadlineMs),
      members: countMembers(node.membership.members()),
      unfinishedTasks: node.submitter.unfinished().length,
      runningHere: node.worker.running,
      remoteExecute: remoteExecuteView(config),
      gpusWithheld: this.init.devices.withheld().map(withheldView),
    }
  }

  async nodes(): Promise<readonly NodeView[]> {
    const { node, clock } = this.init
    const authority = await this.authority(VIEW_DEADLINE_MS)
    const linkOf = (peer: PeerId) => node.links.linkOf(peer)
    const { standing } = node.orders
    const mesh = { now: clock.now(), authority, runningHere: node.worker.running, linkOf, standing }
    return node.membership.members().map((member) => nodeView(member, mesh))
  }

  async leases(): Promise<readonly LeaseView[]> {
    return leaseViews(await this.init.node.client.view(VIEW_DEADLINE_MS), this.nameOf)
  }

  tasks(): readonly TaskView[] {
    return this.init.node.submitter.records().map(taskView)
  }

  async task(id: TaskId): Promise<TaskDetailView> {
    const { task, output } = this.init.node.submitter.find(taskId(id))
    const log = await output.open()
    return taskDetailView(task.record, log)
  }

  async cancel(id: TaskId): Promise<TaskView> {
    const submission = this.init.node.submitter.find(taskId(id))
    if (submission.isEnded) throw new CodedError('task.ended', { taskId: id })
    submission.cancel()
    await submission.ended
    return taskView(submission.task.record)
  }

  async wait(id: TaskId, signal: AbortSignal): Promise<TaskView> {
    const { ended, task } = this.init.node.submitter.find(taskId(id))
    const aborted = new Promise<never>((_, reject) => {
      const stop = (): void => reject(new CodedError('node.stopping'))
      if (signal.aborted) stop()
      signal.addEventListener('abort', stop, { once: true })
    })
    await Promise.race([ended, aborted])
    return taskView(task.record)
  }

  async logs(
    request: LogRequest,
    report: (event: LogEvent) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const submission = this.init.node.submitter.find(taskId(request.taskId))
    const max = LIMITS.logReadersMax
    if (this.logReaders >= max)
      throw new CodedError('limit.exceeded', { what: 'the number of readers of output', got: max + 1, max })
    this.logReaders += 1
    try {
      await readTaskLog(await submission.output.open(), submission, request, report, signal)
    } finally {
      this.logReaders -= 1
    }
  }

  async revoke({ leaseId, force }: RevokeRequest): Promise<void> {
    await this.init.node.client.execute({ type: 'lease.revoke', leaseId, force }, VIEW_DEADLINE_MS)
  }

  async order(request: OrderRequest): Promise<OrderView> {
    const { node, book, clock } = this.init
    const subject = book.peerOf(request.node) ?? book.list().find(({ peer }) => peer === request.node)?.peer
    if (subject === undefined) throw new CodedError('task.no_such_node', { node: request.node })
    return orderView(await node.orders.give(newOrder(subject, request, clock.wall())), this.nameOf)
  }

  orders(): readonly OrderView[] {
    return this.init.node.orders.list().map((order) => orderView(order, this.nameOf))
  }

  events(query: EventQuery): readonly NodeEvent[] {
    return this.init.events.query(query)
  }

  followEvents(
    query: EventQuery,
    report: (notice: EventNotice) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    return this.init.events.follow(query, report, signal)
  }

  invite(request: InviteRequest): Promise<InviteView> {
    return this.init.enrolment.invite(request)
  }

  async run(
    request: RunRequest,
    report: (event: RunEvent) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    this.checkRequest(request)
    const submission = this.init.node.submitter.submit({ ...request, attached: true }, report)
    const cancel = (): void => submission.abandon()
    if (signal.aborted) cancel()
    signal.addEventListener('abort', cancel, { once: true })
    await submission.done
    signal.removeEventListener('abort', cancel)
  }

  async submit(request: RunRequest): Promise<TaskView> {
    this.checkRequest(request)
    const { accepted, task } = this.init.node.submitter.submit({ ...request, attached: false })
    await accepted
    return taskView(task.record)
  }

  private checkRequest({ on }: RunRequest): void {
    if (this.init.config.witness) throw new CodedError('node.witness')
    const known = this.init.book.list().map((entry) => nodeId(entry.nodeId))
    checkRequestedNode(on, known)
  }

  private async authority(deadlineMs: number): Promise<AuthorityView> {
    const { core, authority, autopilot, client } = this.init.node
    const { status } = core
    const isMember = [status.configuration.voters, status.configuration.learners].some((list) =>
      list.includes(status.self),
    )
    if (status.role === 'leader')
      return authorityView(status, authority.machine.appliedIndex, autopilot.advice, this.nameOf)
    if (isMember && status.leader === undefined)
      return authorityView(status, authority.machine.appliedIndex, undefined, this.nameOf)
    const view = await client.view(deadlineMs).catch(() => undefined)
    if (isMember) return authorityView(status, authority.machine.appliedIndex, view?.advice, this.nameOf)
    return distantAuthorityView(view, this.nameOf)
  }

  private readonly nameOf = (peer: PeerId): NodeId | undefined => this.init.book.nodeIdOf(peer)
}

function remoteExecuteView({ remoteExecute, leaseGating }: NodeConfig): StatusView['remoteExecute'] {
  if (!remoteExecute) return { enabled: false, reason: 'remote_execute_disabled' }
  if (!leaseGating) return { enabled: false, reason: 'lease_gating_disabled' }
  return { enabled: true, reason: 'enabled' }
}
