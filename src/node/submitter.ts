/**
 * The submitter's side of all tasks that were given to this node: makes them, keeps the journal, and tells each what it
 * must know of messages, connections and leases that ended.
 */
import {
  CodedError,
  type LeaseId,
  LIMITS,
  type NodeId,
  type PeerId,
  type Random,
  type ScopeKey,
  type TaskId,
  type UnixMs,
} from '../base/index.ts'
import {
  decodeTaskRecord,
  type Fallback,
  newTaskRecord,
  newTraceparent,
  SubmittedTask,
  type TaskMessage,
  type TaskRecord,
  traceIdOf,
  type Work,
} from '../task/index.ts'
import type { RunRequest } from './control/node-control.ts'
import { type Report, Submission } from './submission.ts'
import type { SubmitterContext } from './submitter-context.ts'
import type { TaskIds } from './task-ids.ts'
import { checkSize, workOf } from './task-work.ts'

/** Tasks that are forgotten in one write, which is one sync. */
const FORGOTTEN_AT_ONCE = 50

interface SubmitterInit extends Omit<SubmitterContext, 'ended' | 'isStopped'> {
  readonly self: { readonly peer: PeerId; readonly nodeId: NodeId }
  readonly scope: string
  readonly taskIds: TaskIds
  readonly random: Random
  /** As `expirySpanMs` of the authority, with this mesh's drift bound. */
  readonly spanMs: (ttlMs: number) => number
}

export interface NewTask {
  readonly work: Work
  /** The name of a node; `undefined`: any. */
  readonly on: string | undefined
  readonly attached: boolean
  readonly fallback: Fallback
  /** Of the caller; anything else than a W3C traceparent is as none: a trace begins here. */
  readonly traceparent: string | undefined
  readonly deadlineUnixMs: UnixMs | undefined
}

export class Submitter {
  private readonly init: SubmitterInit
  private readonly context: SubmitterContext
  private readonly submissions = new Map<TaskId, Submission>()
  /** Of them, in order of creation. */
  private readonly open = new Map<TaskId, Submission>()
  /** Of them, in order of their ends. */
  private readonly over = new Set<Submission>()
  /** By idempotency key, which is what messages name. */
  private readonly byKey = new Map<string, Submission>()
  private stage: 'running' | 'stopping' | 'stopped' = 'running'

  constructor(init: SubmitterInit) {
    this.init = init
    this.context = {
      ...init,
      ended: (submission) => this.ended(submission),
      isStopped: () => this.stage === 'stopped',
    }
    init.link.onMessage((from, message) => this.receive(from, message))
    init.transport.onPeer(({ type, peer }) => {
      for (const submission of this.open.values())
        submission.handle({ type: type === 'connected' ? 'peer-connected' : 'peer-lost', peer })
    })
  }

  /** Takes up the journal: what an earlier life left unfinished goes on. */
  async start(): Promise<void> {
    const { journal, outputs } = this.init
    const records = (await journal.load()).map(({ value }) => decodeTaskRecord(value))
    records.sort((a, b) => (a.endedUnixMs ?? a.createdUnixMs) - (b.endedUnixMs ?? b.createdUnixMs))
    const logs = new Set(await outputs.keys())
    for (const record of records) {
      const submission = this.adopt(record, undefined)
      const outputEnd = logs.delete(record.taskId) ? (await submission.output.open()).end : 0
      if (!submission.isEnded) submission.handle({ type: 'recovered', outputEnd })
    }
    await Promise.all([...logs].map((key) => outputs.remove(key)))
  }

  /**
   * A command for this node's owner. With a reader, which gets all states, output and the result, the output comes no faster than
   * it takes it.
   * @throws CodedError `task.too_many`, `task.too_large`, `input.invalid`, `node.stopping`.
   */
  submit(request: RunRequest, reader?: Report): Submission {
    const { on, attached = true, fallback = 'local', traceparent, deadlineUnixMs } = request
    const work = workOf(request)
    return this.submitWork({ work, on, attached, fallback, traceparent, deadlineUnixMs }, reader)
  }

  /** @throws as `submit`. */
  submitWork(task: NewTask, reader?: Report): Submission {
    if (this.stage !== 'running') throw new CodedError('node.stopping')
    const count = this.open.size
    if (count >= LIMITS.submitterTasksMax)
      throw new CodedError('task.too_many', { count, max: LIMITS.submitterTasksMax })
    checkSize(task.work)
    const { taskIds, scope, clock, random } = this.init
    const record = newTaskRecord({
      ...task,
      taskId: taskIds.newTaskId(),
      idempotencyKey: taskIds.newIdempotencyKey(),
      scope,
      traceparent:
        traceIdOf(task.traceparent) && task.traceparent ? task.traceparent : newTraceparent(random),
      createdUnixMs: clock.wall(),
    })
    const submission = this.adopt(record, reader)
    submission.handle({ type: 'submitted' })
    return submission
  }

  records(): readonly TaskRecord[] {
    return Array.from(this.submissions.values(), ({ task }) => task.record)
  }

  /** @throws CodedError `task.unknown` */
  find(id: TaskId): Submission {
    const submission = this.submissions.get(id)
    if (submission === undefined) throw new CodedError('task.unknown', { taskId: id })
    return submission
  }

  /** In order of creation. */
  unfinished(): readonly Submission[] {
    return [...this.open.values()]
  }

  get unfinishedCount(): number {
    return this.open.size
  }

  /** Who executes something of ours. */
  workers(): Iterable<PeerId> {
    return this.unfinished().flatMap(({ task }) => task.record.attempt?.peer ?? [])
  }

  leaseEnded(key: ScopeKey, leaseId: LeaseId, how: 'released' | 'expired'): void {
    this.open.get(key.slice('task:'.length) as TaskId)?.leaseEnded(leaseId, how)
  }

  /** Told of leases in bulk, when how they ended is not known any more. */
  leasesMissing(isMissing: (leaseId: LeaseId) => boolean): void {
    for (const submission of this.open.values()) {
      const leaseId = submission.task.record.attempt?.leaseId
      if (leaseId !== undefined && isMissing(leaseId)) submission.leaseEnded(leaseId, 'expired')
    }
  }

  /**
   * Attached tasks end with their submitter, detached ones go on, here when it is back. Resolves when the attached ones have ended, or
   * were asked to and `patience` has passed; then nothing begins any more.
   */
  async stop(patience: Promise<void>): Promise<void> {
    this.stage = 'stopping'
    const attached = this.unfinished().filter(({ task }) => task.record.attached)
    for (const submission of attached) submission.cancel()
    await Promise.race([Promise.all(attached.map(({ ended }) => ended)), patience])
    this.stage = 'stopped'
  }

  private adopt(record: TaskRecord, reader: Report | undefined): Submission {
    const { self, spanMs } = this.init
    const submission = new Submission(this.context, new SubmittedTask({ ...self, spanMs }, record), reader)
    this.submissions.set(record.taskId, submission)
    this.byKey.set(record.idempotencyKey, submission)
    if (submission.isEnded) this.over.add(submission)
    else this.open.set(record.taskId, submission)
    return submission
  }

  private receive(from: PeerId, message: TaskMessage): void {
    const submission = this.byKey.get(message.idempotency_key)
    if (submission !== undefined) submission.handle({ type: 'message', from, message })
    else if (this.stage !== 'stopped') this.dismiss(from, message)
  }

  /** A task that was forgotten long ago: its worker may stop, and forget it as well. */
  private dismiss(from: PeerId, message: TaskMessage): void {
    const { idempotency_key, exec_lease_id } = message
    const attempt = { idempotency_key, exec_lease_id }
    if (message.type === 'remote_task_result') {
      this.init.link.send(from, { type: 'remote_task_result_ack', ...attempt })
    } else if (
      message.type === 'remote_task_started' ||
      message.type === 'remote_task_renew' ||
      message.type === 'remote_task_output'
    ) {
      this.init.link.send(from, {
        type: 'remote_task_cancel',
        ...attempt,
        task_id: 1,
        reason: 'unknown_task',
      })
    }
  }

  private ended(submission: Submission): void {
    this.open.delete(submission.task.taskId)
    this.over.add(submission)
    if (this.over.size >= LIMITS.endedTasksKeptMax + FORGOTTEN_AT_ONCE) this.forgetOldest()
  }

  private forgetOldest(): void {
    const oldest = [...this.over.keys()].slice(0, FORGOTTEN_AT_ONCE)
    for (const submission of oldest) {
      this.over.delete(submission)
      this.submissions.delete(submission.task.taskId)
      this.byKey.delete(submission.task.record.idempotencyKey)
    }
    const { journal, outputs, logger } = this.init
    const ids = oldest.map(({ task }) => task.taskId)
    journal
      .write(ids.map((key) => ({ key, value: undefined })))
      .then(() => Promise.all(ids.map((id) => outputs.remove(id))))
      .catch((error: unknown) => logger.warn({ err: error }, 'old tasks stay in the journal'))
  }
}
