/**
 * The submitter's side of all tasks that were given to this node: makes them, keeps the journal, and tells each what it
 * must know of messages, connections and leases that ended.
 */
import {
  CodedError,
  KiB,
  type LeaseId,
  LIMITS,
  type NodeId,
  type PeerId,
  type ScopeKey,
  type TaskId,
} from '../base/index.ts'
import {
  type Command,
  decodeTaskRecord,
  newTaskRecord,
  SubmittedTask,
  type TaskMessage,
  type TaskRecord,
} from '../task/index.ts'
import type { RunRequest } from './control/node-control.ts'
import { type Report, Submission } from './submission.ts'
import type { SubmitterContext } from './submitter-context.ts'
import type { TaskIds } from './task-ids.ts'

interface SubmitterInit extends Omit<SubmitterContext, 'ended'> {
  readonly self: { readonly peer: PeerId; readonly nodeId: NodeId }
  readonly scope: string
  readonly taskIds: TaskIds
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
      if (!submission.isEnded) await submission.handle({ type: 'recovered' })
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
      taskId: this.init.taskIds.newTaskId(),
      idempotencyKey: this.init.taskIds.newIdempotencyKey(),
      scope: this.init.scope,
      work: { command: commandOf(request) },
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
    return [...this.submissions.values()].filter((submission) => !submission.isEnded)
  }

  /** Who executes something of ours. */
  workers(): Iterable<PeerId> {
    return this.unfinished().flatMap(({ task }) => task.record.attempt?.peer ?? [])
  }

  leaseEnded(key: ScopeKey, leaseId: LeaseId, how: 'released' | 'expired'): void {
    this.unfinished()
      .find((submission) => submission.scopeKey === key)
      ?.leaseEnded(leaseId, how)
  }

  /** Told of leases in bulk, when how they ended is not known any more. */
  leasesMissing(isMissing: (leaseId: LeaseId) => boolean): void {
    for (const submission of this.unfinished()) {
      const leaseId = submission.task.record.attempt?.leaseId
      if (leaseId !== undefined && isMissing(leaseId)) submission.leaseEnded(leaseId, 'expired')
    }
  }

  /** Attached tasks end with their submitter. Resolves when they have, or were asked to and `patience` has passed. */
  async stop(patience: Promise<void>): Promise<void> {
    this.stopping = true
    const open = this.unfinished()
    for (const submission of open) submission.cancel()
    await Promise.race([Promise.all(open.map(({ ended }) => ended)), patience])
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
    else this.dismiss(from, message)
  }

  /** A task that was forgotten long ago: its worker may stop, and forget it as well. */
  private dismiss(from: PeerId, message: TaskMessage): void {
    const { idempotency_key, exec_lease_id } = message
    const attempt = { idempotency_key, exec_lease_id }
    if (message.type === 'remote_task_result') {
      this.init.link.send(from, { type: 'remote_task_result_ack', ...attempt })
    } else if (message.type === 'remote_task_started' || message.type === 'remote_task_output') {
      this.init.link.send(from, {
        type: 'remote_task_cancel',
        ...attempt,
        task_id: 1,
        reason: 'unknown_task',
      })
    }
  }

  private forgetOldest(): void {
    const ended = [...this.submissions.values()].filter((submission) => submission.isEnded)
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
  const command: Command = {
    argv: [program, ...rest],
    env: { ...request.env },
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.timeoutMs === undefined ? {} : { timeout_ms: request.timeoutMs }),
  }
  const bytes = Buffer.byteLength(JSON.stringify(command))
  // The description in the envelope repeats the arguments.
  const max = LIMITS.envelopeBytesMax / 2 - KiB
  if (bytes > max)
    throw new CodedError('limit.exceeded', { what: 'the size of the command', got: bytes, max })
  return command
}
