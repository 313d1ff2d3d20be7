/**
 * The submitter's side of all tasks that were given to this node: makes them, keeps the journal, and tells each what it
 * must know of messages, connections and leases that ended.
 */
import {
  type Clock,
  CodedError,
  LIMITS,
  type Logger,
  type NodeId,
  type PeerId,
  type ScopeKey,
  type TaskId,
} from '../base/index.ts'
import {
  type Command,
  decodeTaskRecord,
  type JournalStore,
  newTaskRecord,
  SubmittedTask,
  type SubmitterEvent,
  type TaskMessage,
  type TaskRecord,
} from '../task/index.ts'
import type { AuthorityClient } from './authority-client.ts'
import type { RunRequest } from './control/node-control.ts'
import type { Scheduler, Transport } from './ports.ts'
import { type Report, Submission } from './submission.ts'
import type { TaskLink } from './task-link.ts'

export interface SubmitterContext {
  readonly transport: Transport
  readonly authority: AuthorityClient
  readonly journal: JournalStore
  readonly link: TaskLink
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly leaseTtlMs: number
  /** Asks placement where the task should run. */
  readonly place: (record: TaskRecord, exclude: readonly PeerId[]) => SubmitterEvent
  readonly fatal: (error: CodedError) => void
  readonly ended: (submission: Submission) => void
}

export interface SubmitterInit extends Omit<SubmitterContext, 'ended'> {
  readonly self: { readonly peer: PeerId; readonly nodeId: NodeId }
  readonly scope: string
  /** Unpredictable ids. */
  readonly newTaskId: () => TaskId
  readonly newKey: () => string
}

const unheard: Report = () => Promise.resolve()

export class Submitter {
  private readonly init: SubmitterInit
  private readonly context: SubmitterContext
  /** In order of creation: the oldest ended one goes first. */
  private readonly submissions = new Map<TaskId, Submission>()
  /** By idempotency key, which is what messages name. */
  private readonly byKey = new Map<string, Submission>()
  private stopping = false

  constructor(init: SubmitterInit) {
    this.init = init
    this.context = { ...init, ended: () => this.forgetOldest() }
    init.link.onMessage((from, message) => this.receive(from, message))
    init.transport.onPeer(({ type, peer }) => {
      if (type !== 'disconnected') return
      for (const submission of this.unfinished()) void submission.handle({ type: 'peer-lost', peer })
    })
  }

  /** Takes up the journal: what an earlier life left unfinished ends, with its reason. */
  async start(): Promise<void> {
    const records = (await this.init.journal.load()).map(({ value }) => decodeTaskRecord(value))
    records.sort((a, b) => a.createdUnixMs - b.createdUnixMs)
    for (const record of records) {
      const submission = this.adopt(record, unheard)
      if (!submission.ended) await submission.handle({ type: 'recovered' })
    }
  }

  /** @throws CodedError `task.too_many`, `node.stopping`. */
  submit(request: RunRequest, report: Report): Submission {
    if (this.stopping) throw new CodedError('node.stopping')
    const count = this.unfinished().length
    if (count >= LIMITS.submitterTasksMax) {
      throw new CodedError('task.too_many', { count, max: LIMITS.submitterTasksMax })
    }
    const record = newTaskRecord({
      taskId: this.init.newTaskId(),
      idempotencyKey: this.init.newKey(),
      scope: this.init.scope,
      command: commandOf(request),
      on: request.on,
      createdUnixMs: this.init.clock.wall(),
    })
    const submission = this.adopt(record, report)
    void submission.handle({ type: 'submitted' })
    return submission
  }

  records(): readonly TaskRecord[] {
    return [...this.submissions.values()].map(({ task }) => task.record)
  }

  /** @throws CodedError `task.unknown` */
  find(id: TaskId): Submission {
    const submission = this.submissions.get(id)
    if (submission === undefined) throw new CodedError('task.unknown', { taskId: id })
    return submission
  }

  unfinished(): readonly Submission[] {
    return [...this.submissions.values()].filter((submission) => !submission.ended)
  }

  leaseEnded(key: ScopeKey): void {
    this.unfinished()
      .find((submission) => submission.scopeKey === key)
      ?.leaseEnded()
  }

  /** Attached tasks end with their submitter. Resolves when they have, or were asked to and `patience` has passed. */
  async stop(patience: Promise<void>): Promise<void> {
    this.stopping = true
    const open = this.unfinished()
    for (const submission of open) void submission.handle({ type: 'cancel-requested' })
    await Promise.race([Promise.all(open.map(({ done }) => done)), patience])
  }

  private adopt(record: TaskRecord, report: Report): Submission {
    const submission = new Submission(this.context, new SubmittedTask(this.init.self, record), report)
    this.submissions.set(record.taskId, submission)
    this.byKey.set(record.idempotencyKey, submission)
    return submission
  }

  private receive(from: PeerId, message: TaskMessage): void {
    const submission = this.byKey.get(message.idempotency_key)
    if (submission !== undefined) void submission.handle({ type: 'message', from, message })
    else if (message.type === 'remote_task_result') this.dismiss(from, message)
  }

  /** A result for a task that was forgotten long ago: the worker may forget it as well. */
  private dismiss(from: PeerId, { idempotency_key, exec_lease_id }: TaskMessage): void {
    this.init.link.send(from, { type: 'remote_task_result_ack', idempotency_key, exec_lease_id })
  }

  private forgetOldest(): void {
    const ended = [...this.submissions.values()].filter((submission) => submission.ended)
    const oldest = ended[0]
    if (ended.length <= LIMITS.endedTasksKeptMax || oldest === undefined) return
    this.submissions.delete(oldest.task.taskId)
    this.byKey.delete(oldest.task.record.idempotencyKey)
    this.init.journal
      .write([{ key: oldest.task.taskId, value: undefined }])
      .catch((error: unknown) => this.init.logger.warn({ err: error }, 'an old task stays in the journal'))
  }
}

function commandOf(request: RunRequest): Command {
  const [program, ...rest] = request.argv
  if (program === undefined) {
    throw new CodedError('input.invalid', {
      field: 'command',
      got: '',
      accepts: 'a program and its arguments',
    })
  }
  return {
    argv: [program, ...rest],
    env: { ...request.env },
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.timeoutMs === undefined ? {} : { timeout_ms: request.timeoutMs }),
  }
}
