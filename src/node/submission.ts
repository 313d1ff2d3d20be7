/**
 * One submitted task at its submitter, from `populi run` to its final result: carries out what the pure core
 * (`task/submitted-task.ts`) decides. Events are handled one after another with their effects in order; leases are asked for
 * beside, and what the user sees goes out in order at the user's speed.
 */
import {
  CodedError,
  type LeaseId,
  type Logger,
  type PeerId,
  type ScopeKey,
  toCodedError,
} from '../base/index.ts'
import {
  encodeTaskRecord,
  isFinal,
  type SubmittedTask,
  type SubmitterEffect,
  type SubmitterEvent,
  type TaskChange,
} from '../task/index.ts'
import type { RunEvent } from './control/node-control.ts'
import { obstacleOfRefusal } from './order-bars.ts'
import type { SubmitterContext } from './submitter-context.ts'
import { taskView } from './task-views.ts'

/** Longer than an election: a task that was offered to nobody may run at home after this. */
const FIRST_LEASE_DEADLINE_MS = 4000
/** The end of the lease that is waited for is seen in the local log; this is for nodes that have none. */
const LEASE_RETRY_MS = 500
const TAKE_BACK_DEADLINE_MS = 2000

export type Report = (event: RunEvent) => Promise<void>

export class Submission {
  readonly task: SubmittedTask
  /** Resolves when the task has its final result. */
  readonly ended: Promise<void>
  /** Resolves when, besides, the user was told. */
  readonly done: Promise<void>
  private readonly context: SubmitterContext
  private readonly logger: Logger
  private readonly report: Report
  private chain: Promise<void> = Promise.resolve()
  private reports: Promise<void> = Promise.resolve()
  private takenBack: Promise<void> = Promise.resolve()
  private wakeLeaseRequest: (() => void) | undefined
  private resolveEnded: () => void = () => undefined
  private readerGone = false

  constructor(context: SubmitterContext, task: SubmittedTask, report: Report) {
    this.context = context
    this.task = task
    this.report = report
    this.logger = context.logger.child({ task: task.taskId })
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve
    })
    this.done = this.ended.then(() => this.reports)
  }

  get isEnded(): boolean {
    return isFinal(this.task.record.state)
  }

  get scopeKey(): ScopeKey {
    return `task:${this.task.taskId}` as ScopeKey
  }

  /** Handles the event after those before it; resolves when its effects were carried out. */
  handle(event: SubmitterEvent): Promise<void> {
    this.chain = this.chain
      .then(async () => {
        for (const effect of this.task.handle(event, this.context.clock.wall())) await this.carryOut(effect)
      })
      .catch((thrown: unknown) => this.context.fatal(toCodedError(thrown)))
    return this.chain
  }

  cancel(): void {
    void this.handle({ type: 'cancel-requested' })
  }

  /** Whoever reads the output is gone: nothing waits for it any more, and an attached task ends with it. */
  abandon(): void {
    this.readerGone = true
    this.cancel()
  }

  /** A lease of this task's key has ended: whoever waits for it need not wait for the next try. */
  leaseEnded(leaseId: LeaseId, how: 'released' | 'expired'): void {
    this.wakeLeaseRequest?.()
    if (how === 'expired') void this.handle({ type: 'lease-expired', leaseId })
  }

  private async carryOut(effect: SubmitterEffect): Promise<void> {
    switch (effect.type) {
      case 'journal':
        await this.context.journal.write([
          { key: this.task.taskId, value: encodeTaskRecord(this.task.record) },
        ])
        return
      case 'changed':
        this.reportChange(effect.change)
        return
      case 'place':
        void this.handle(this.context.place(this.task.record, effect.exclude))
        return
      case 'request-lease':
        void this.requestLease(effect.holder, effect.again)
        return
      case 'take-back-lease':
        this.takenBack = this.takeBack(effect.leaseId)
        return
      case 'send':
        this.send(effect)
        return
      case 'output':
        this.passOn(effect)
        return
      case 'ended':
        this.end()
    }
  }

  private send({ to, message }: Extract<SubmitterEffect, { type: 'send' }>): void {
    const { transport, link } = this.context
    const lost = (): void => {
      // A connection that closed was reported before this attempt began.
      if (message.type === 'remote_task_envelope') void this.handle({ type: 'peer-lost', peer: to })
    }
    if (to === transport.self || transport.canReach(to)) link.send(to, message, lost)
    else lost()
  }

  private passOn(effect: Extract<SubmitterEffect, { type: 'output' }>): void {
    const { stream, chunk } = effect
    this.say({ type: 'output', stream, chunk }, () =>
      this.context.link.send(effect.from, effect.acknowledgement),
    )
  }

  private reportChange(change: TaskChange): void {
    const { taskId } = this.task
    this.logger.info({ state: change.state, on: change.node, reason: change.reason }, 'task')
    this.context.events.taskChanged(taskId, change)
    this.say({
      type: 'state',
      taskId,
      state: change.state,
      atUnixMs: change.atUnixMs,
      node: change.node,
      leaseId: change.leaseId,
      reason: change.reason,
      detail: change.detail,
    })
  }

  private end(): void {
    this.wakeLeaseRequest?.()
    this.say({ type: 'result', task: taskView(this.task.record) })
    this.context.ended()
    this.resolveEnded()
  }

  /** In order, and no faster than the reader takes it. A reader that is gone no longer holds anything up. */
  private say(event: RunEvent, afterwards?: () => void): void {
    this.reports = this.reports
      .then(() => (this.readerGone ? undefined : this.report(event)))
      .catch((error: unknown) => this.logger.debug({ err: error }, 'nobody reads this task any more'))
      .then(afterwards)
  }

  private async requestLease(holder: PeerId, again: boolean): Promise<void> {
    await this.takenBack
    if (again) await this.untilLeaseMayBeFree()
    if (this.isEnded) return
    try {
      const { leaseTtlMs: ttlMs } = this.context
      const { answer } = await this.context.authority.execute(
        { type: 'lease.grant', scopeKey: this.scopeKey, holder, ttlMs },
        FIRST_LEASE_DEADLINE_MS,
      )
      await this.handle({ type: 'lease-granted', leaseId: answer.id as LeaseId, ttlMs })
    } catch (thrown) {
      const error = toCodedError(thrown)
      if (error.code === 'node.stopping') return
      const barred = obstacleOfRefusal(error.code)
      if (error.code === 'lease.held' || error.code === 'lease.cooling')
        await this.handle({ type: 'lease-held' })
      else if (barred !== undefined)
        await this.handle({ type: 'holder-barred', reason: barred, detail: error.message })
      else await this.handle({ type: 'lease-unavailable', detail: error.message })
    }
  }

  private untilLeaseMayBeFree(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.context.scheduler.after(LEASE_RETRY_MS, resolve)
      this.wakeLeaseRequest = () => {
        cancel()
        resolve()
      }
    })
  }

  private async takeBack(leaseId: LeaseId): Promise<void> {
    try {
      await this.context.authority.execute({ type: 'lease.release', leaseId }, TAKE_BACK_DEADLINE_MS)
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      this.logger.debug({ err: thrown, leaseId }, 'lease not taken back: it was confirmed, or has ended')
    }
  }
}
