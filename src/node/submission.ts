/**
 * One submitted task at its submitter, from its submission to its final result: carries out what the pure core
 * (`task/submitted-task.ts`) decides. The core handles an event when it comes; what follows from it happens in order, after the
 * record is on disk, but for what needs no disk (looking for a node, asking for a lease), which is begun at once: so the
 * first write and the grant of the lease take their time side by side.
 */
import { type LeaseId, type Logger, type PeerId, type ScopeKey, toCodedError } from '../base/index.ts'
import {
  encodeTaskRecord,
  isFinal,
  type OrderedEffect,
  type SubmittedTask,
  type SubmitterEffect,
  type SubmitterEvent,
  type TaskChange,
  type TaskMessage,
  type TaskRecord,
  traceIdOf,
} from '../task/index.ts'
import type { RunEvent } from './control/node-control.ts'
import type { SubmitterContext } from './submitter-context.ts'
import { TaskLease } from './task-lease.ts'
import { TaskOutput } from './task-output.ts'
import { taskView } from './task-views.ts'

/** A node that was just started knows nobody: connections and records come within this time, or not soon. */
const SETTLING_MS = 3000

/** What a reader is told. The next event does not come before the promise has settled. */
export type Report = (event: RunEvent) => Promise<void>

export class Submission {
  readonly task: SubmittedTask
  readonly output: TaskOutput
  /** Resolves when the task is on disk: from then on it has a result some day. */
  readonly accepted: Promise<void>
  /** Resolves when the task has its final result, which is on disk as its output is. */
  readonly ended: Promise<void>
  /** Resolves when, besides, the reader was told. */
  readonly done: Promise<void>
  private readonly context: SubmitterContext
  private readonly logger: Logger
  private readonly lease: TaskLease
  private reader: Report | undefined
  private reports: Promise<void> = Promise.resolve()
  /** Of what the reader is told now. */
  private endReport: (() => void) | undefined
  /** Events that came while one was handled. */
  private readonly events: SubmitterEvent[] = []
  private isHandling = false
  /** Effects that wait for the disk. */
  private readonly waiting: OrderedEffect[] = []
  private isWriting = false
  private settled = false
  private nextNews: PromiseWithResolvers<void> | undefined
  private readonly acceptedNow = Promise.withResolvers<void>()
  private readonly endedNow = Promise.withResolvers<void>()

  /** @param reader paces the output; without one it goes as fast as the disk. */
  constructor(context: SubmitterContext, task: SubmittedTask, reader?: Report) {
    this.context = context
    this.task = task
    this.reader = reader
    const { taskId, traceparent } = task.record
    this.logger = context.logger.child({ task: taskId, traceId: traceIdOf(traceparent) })
    this.lease = new TaskLease({
      context,
      scopeKey: this.scopeKey,
      logger: this.logger,
      tell: (event) => this.handle(event),
    })
    this.output = new TaskOutput({
      logs: context.outputs,
      key: taskId,
      grown: () => this.tellFollowers(),
      fatal: context.fatal,
    })
    this.accepted = this.acceptedNow.promise
    this.ended = this.endedNow.promise
    this.done = this.ended.then(() => this.reports)
    if (this.isEnded) this.settle()
  }

  get isEnded(): boolean {
    return isFinal(this.task.record.state)
  }

  get scopeKey(): ScopeKey {
    return `task:${this.task.taskId}` as ScopeKey
  }

  /** The final result is on disk, and nothing is added to the output any more. */
  get isSettled(): boolean {
    return this.settled
  }

  /** Resolves when the task has changed, or there is more in its log. */
  news(): Promise<void> {
    this.nextNews ??= Promise.withResolvers()
    return this.nextNews.promise
  }

  handle(event: SubmitterEvent): void {
    this.events.push(event)
    if (this.isHandling || this.context.isStopped()) return
    this.isHandling = true
    try {
      for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
        const { clock } = this.context
        const now = { wall: clock.wall(), boot: clock.now() }
        for (const effect of this.task.handle(next, now)) this.begin(effect)
      }
    } catch (thrown) {
      this.context.fatal(toCodedError(thrown))
    } finally {
      this.isHandling = false
    }
  }

  cancel(): void {
    this.handle({ type: 'cancel-requested' })
  }

  /** The reader is gone: nothing waits for it any more. The task goes on. */
  leave(): void {
    this.reader = undefined
    this.endReport?.()
  }

  /** The reader is gone, and the task is to end with it. */
  abandon(): void {
    this.leave()
    this.cancel()
  }

  /** A lease of this task's key has ended: whoever waits for it need not wait for the next try. */
  leaseEnded(leaseId: LeaseId, how: 'released' | 'expired'): void {
    if (how === 'expired') this.handle({ type: 'lease-expired', leaseId })
    this.lease.wake()
  }

  private begin(effect: SubmitterEffect): void {
    switch (effect.type) {
      case 'place':
        return this.place(effect)
      case 'request-lease':
        return this.lease.ask(effect.holder, effect.again)
      case 'take-back-lease':
        return this.lease.takeBack(effect.leaseId)
      case 'wake-at':
        return this.wakeAt(effect)
      case 'reach':
        return this.reach(effect.peer)
      case 'journal':
      case 'send':
      case 'output':
      case 'changed':
      case 'noted':
      case 'cancelling':
      case 'ended':
        if (this.isWriting) this.waiting.push(effect)
        else this.carryOut(effect)
    }
  }

  private carryOut(effect: OrderedEffect): void {
    switch (effect.type) {
      case 'journal':
        this.write(effect.record).catch((thrown: unknown) => this.context.fatal(toCodedError(thrown)))
        return
      case 'send':
        return this.send(effect.to, effect.message)
      case 'output':
        return this.passOn(effect)
      case 'changed':
        this.logChange(effect.change)
        return this.tell(effect.change)
      case 'noted':
        return this.tell(effect.change)
      case 'cancelling':
        return this.context.events.taskCancelling(this.task.record)
      case 'ended':
        return this.end()
    }
  }

  /** What waits meanwhile is carried out then, up to the next write. */
  private async write(record: TaskRecord): Promise<void> {
    this.isWriting = true
    // Nobody is asked again for the output of a task that has its result.
    if (isFinal(record.state)) await this.output.kept
    if (this.context.isStopped()) return
    await this.context.journal.write([{ key: record.taskId, value: encodeTaskRecord(record) }])
    this.isWriting = false
    this.acceptedNow.resolve()
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
      if (this.context.isStopped()) return
      this.carryOut(next)
      if (next.type === 'journal') return
    }
  }

  private place({ exclude, patient }: Extract<SubmitterEffect, { type: 'place' }>): void {
    const look = (): void => this.handle(this.context.place(this.task.record, exclude))
    if (patient) this.context.scheduler.after(SETTLING_MS, look)
    else look()
  }

  private wakeAt({ at }: Extract<SubmitterEffect, { type: 'wake-at' }>): void {
    const { clock, scheduler } = this.context
    const look = (): void => {
      const leftMs = at - clock.now()
      // A timer may be early by a rounding, and does not count what this machine slept.
      if (leftMs > 0) scheduler.after(Math.ceil(leftMs), look)
      else this.handle({ type: 'span-over' })
    }
    look()
  }

  private reach(peer: PeerId): void {
    const { transport, scheduler } = this.context
    const isThere = (): boolean => peer === transport.self || transport.isConnected(peer)
    if (isThere()) return this.handle({ type: 'peer-connected', peer })
    transport.want(peer, SETTLING_MS)
    scheduler.after(SETTLING_MS, () => {
      if (!isThere()) this.handle({ type: 'peer-lost', peer })
    })
  }

  private send(to: PeerId, message: TaskMessage): void {
    const { transport, link } = this.context
    const lost = (): void => {
      // A connection that closed was reported before this attempt began.
      if (message.type === 'remote_task_envelope') this.handle({ type: 'peer-lost', peer: to })
    }
    if (to === transport.self || transport.canReach(to)) link.send(to, message, lost)
    else lost()
  }

  private passOn(output: Extract<SubmitterEffect, { type: 'output' }>): void {
    const { stream, chunk, acknowledgement } = output
    const read = chunk.length === 0 ? this.reports : this.say({ type: 'output', stream, chunk })
    this.output.take(output, read, () => {
      if (acknowledgement !== undefined) this.context.link.send(acknowledgement.to, acknowledgement.message)
    })
  }

  private logChange(change: TaskChange): void {
    this.logger.info({ state: change.state, on: change.node, reason: change.reason }, 'task')
    this.context.events.taskChanged(this.task.record, change)
  }

  private tell(change: TaskChange): void {
    const { taskId } = this.task
    const { state, atUnixMs, node, leaseId, reason, detail } = change
    void this.say({ type: 'state', taskId, state, atUnixMs, node, leaseId, reason, detail })
    this.tellFollowers()
  }

  private end(): void {
    this.lease.end()
    void this.say({ type: 'result', task: taskView(this.task.record) })
    this.context.ended(this)
    this.settle()
  }

  private settle(): void {
    this.settled = true
    this.acceptedNow.resolve()
    this.endedNow.resolve()
    this.tellFollowers()
  }

  private tellFollowers(): void {
    this.nextNews?.resolve()
    this.nextNews = undefined
  }

  /** In order, and no faster than the reader takes it. A reader that is gone no longer holds anything up. */
  private say(event: RunEvent): Promise<void> {
    if (this.reader !== undefined) this.reports = this.reports.then(() => this.report(event))
    return this.reports
  }

  /** Resolves when the reader has taken it, or has left. */
  private report(event: RunEvent): Promise<void> {
    if (this.reader === undefined) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.endReport = resolve
    this.reader(event)
      .catch((error: unknown) => this.logger.debug({ err: error }, 'nobody reads this task any more'))
      .then(resolve)
    return promise
  }
}
