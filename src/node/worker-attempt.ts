/**
 * One offered attempt at this worker, from its envelope to its acknowledged result: carries out what the pure core
 * (`task/offered-task.ts`) decides. Events are handled one after another, each with its effects in order; what takes long
 * (renewing, executing) runs beside and comes back as an event.
 */
import { HeldLease, type LeasePlan } from '../authority/index.ts'
import {
  type BootMs,
  bootMs,
  CodedError,
  type ErrorCode,
  type ExecutionId,
  LIMITS,
  type Logger,
  present,
  toCodedError,
} from '../base/index.ts'
import type { Execution, ExecutionDeadline, ExecutionEnd } from '../exec/index.ts'
import { isDrainOver, type Standing } from '../membership/index.ts'
import {
  attemptKey,
  commandOf,
  encodeOfferRecord,
  type OfferedTask,
  type Outcome,
  type StopCause,
  timeoutMsOf,
  type WorkerEffect,
  type WorkerEvent,
} from '../task/index.ts'
import { obstacleOfRefusal } from './order-bars.ts'
import { OutputWindow } from './output-window.ts'
import type { Cancel } from './ports.ts'
import type { WorkerContext } from './worker-context.ts'

/** The lease of an execution that never left its submitter: it ends when the node says so. */
const NO_DEADLINE: ExecutionDeadline = {
  termAt: bootMs(Number.MAX_SAFE_INTEGER),
  killAt: bootMs(Number.MAX_SAFE_INTEGER),
}

/** The authority does not know, or not renew, the lease as this node's. */
const GONE: ReadonlySet<ErrorCode> = new Set(['lease.unknown', 'lease.not_holder', 'lease.revoked'])

export class WorkerAttempt {
  readonly task: OfferedTask
  readonly key: string
  private readonly context: WorkerContext
  private readonly logger: Logger
  private readonly output = new OutputWindow(LIMITS.outputWindowBytesMax)
  private chain: Promise<void> = Promise.resolve()
  private held: HeldLease | undefined
  private execution: Execution | undefined
  private started: Promise<void> = Promise.resolve()
  private cancelTimeout: Cancel | undefined
  private lostAt: BootMs | undefined

  constructor(context: WorkerContext, task: OfferedTask) {
    this.context = context
    this.task = task
    this.key = attemptKey(task.record.idempotencyKey, task.record.leaseId)
    this.logger = context.logger.child({ task: task.record.taskId, leaseId: task.record.leaseId })
  }

  get ended(): boolean {
    return this.task.record.state === 'ended'
  }

  /** Handles the event after those before it; resolves when its effects were carried out. */
  handle(event: WorkerEvent): Promise<void> {
    this.chain = this.chain
      .then(async () => {
        for (const effect of this.task.handle(event, this.context.clock.wall())) await this.carryOut(effect)
      })
      .catch((thrown: unknown) => this.context.fatal(toCodedError(thrown)))
    return this.chain
  }

  acknowledgeOutput(bytes: number): void {
    this.output.acknowledge(bytes)
  }

  /** The connection to the submitter closed: an attached task outlives that for one TTL. */
  submitterLost(now: BootMs): void {
    this.lostAt ??= now
  }

  submitterBack(): void {
    this.lostAt = undefined
    for (const message of this.output.toRepeat()) this.context.link.send(this.task.submitter, message)
    void this.handle({ type: 'submitter-connected' })
  }

  /** The lease was taken back: what runs under it has to end now, and the guardian is told so at once. */
  leaseRevoked(now: BootMs): void {
    if (this.held === undefined) return
    this.held.revoked(now)
    this.execution?.extend(deadlineOf(this.held.plan))
    this.tick(now)
  }

  stop(cause: StopCause): Promise<void> {
    this.output.close()
    return this.handle({ type: 'stop', cause })
  }

  /** Stops, and resolves when the execution has ended and the result is journalled and on its way. */
  async shutDown(): Promise<void> {
    await this.stop('node-stopping')
    await this.execution?.ended
    await this.chain
  }

  /** Called several times a second: renews the lease, and ends what may not go on. */
  tick(now: BootMs): void {
    if (this.ended) return
    const standing = this.context.standing()
    this.obey(standing)
    const graceMs = this.task.record.ttlMs ?? this.context.leaseTtlMs
    if (this.lostAt !== undefined && now - this.lostAt > graceMs) void this.stop('submitter-lost')
    switch (this.held?.tick(now)) {
      case 'renew':
        if (mayRenew(standing)) void this.renew(this.held)
        return
      case 'lost':
      case 'revoked':
        this.held = undefined
        void this.stop(mayRenew(standing) ? 'lease-lost' : 'quarantined')
        return
      case 'none':
      case undefined:
        return
    }
  }

  /** What an admin order ends at once. What runs under a lease is left that lease, and no more (`tick`). */
  private obey(standing: Standing): void {
    const { leaseId, stopCause } = this.task.record
    if (this.execution === undefined || stopCause !== undefined) return
    const cause = this.orderedEnd(standing)
    if (cause === 'drain-deadline' || (cause === 'quarantined' && leaseId === undefined))
      void this.stop(cause)
  }

  private orderedEnd(standing: Standing): 'drain-deadline' | 'quarantined' | undefined {
    if (isDrainOver(standing, this.context.clock.wall())) return 'drain-deadline'
    return mayRenew(standing) ? undefined : 'quarantined'
  }

  private async carryOut(effect: WorkerEffect): Promise<void> {
    switch (effect.type) {
      case 'journal':
      case 'note':
        await this.context.journal.write([{ key: this.key, value: encodeOfferRecord(this.task.record) }])
        return
      case 'confirm-lease':
        void this.confirm()
        return
      case 'execute':
        this.execute(effect.confirmed.leaseSentAt)
        return
      case 'end-execution':
        this.execution?.end(this.task.record.stopCause ?? 'stopped')
        return
      case 'release-lease':
        void this.release()
        return
      case 'run':
      case 'ask-submitter':
        return
      case 'send':
      case 'report':
        this.context.link.send(this.task.submitter, effect.message)
        return
      case 'forget':
        await this.context.journal.write([{ key: this.key, value: undefined }])
        this.context.forget(this.key)
    }
  }

  /** Renews before anything starts: from here on this node knows by its own clock when it must be quiet. */
  private async confirm(): Promise<void> {
    const leaseId = present(this.task.record.leaseId, 'lease to confirm')
    try {
      const { sentAt, answer } = await this.context.authority.execute(
        { type: 'lease.renew', leaseId },
        this.ttlMs / 2,
      )
      const ttlMs = present(answer.ttlMs, 'the TTL of a renewed lease')
      await this.handle({ type: 'lease-confirmed', sentAt, ttlMs })
    } catch (thrown) {
      const { code } = toCodedError(thrown)
      const otherwise = GONE.has(code) ? 'lease_expired' : 'lease_unavailable'
      const reason = obstacleOfRefusal(code) ?? otherwise
      this.context.events.offerRefused(this.task.record, reason)
      await this.handle({ type: 'lease-refused', reason, isOpen: !GONE.has(code) })
    }
  }

  private execute(leaseSentAt: BootMs | undefined): void {
    this.context.events.offerAccepted(this.task.record)
    const { leaseId } = this.task.record
    if (leaseId !== undefined && leaseSentAt !== undefined) {
      const { driftRatio, stopBudget: budget } = this.context
      this.held = new HeldLease({ leaseId, ttlMs: this.ttlMs, sentAt: leaseSentAt, driftRatio, budget })
    }
    if (this.held?.tick(this.context.clock.now()) === 'lost') {
      // The confirmation took so long that the work would have to stop as soon as it began.
      this.notStarted('lease-lost', 'the lease was confirmed too late')
      return
    }
    const ordered = this.orderedEnd(this.context.standing())
    if (ordered !== undefined)
      return this.notStarted(ordered, 'an admin order came before the command started')
    try {
      this.follow(this.startExecution())
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      this.notStarted('spawn-failed', thrown.message)
    }
  }

  /** @throws CodedError `node.stopping`, `limit.exceeded` */
  private startExecution(): Execution {
    const { work, taskId, leaseId } = this.task.record
    const command = present(work && commandOf(work), 'a command')
    this.logger.info({ command: command.argv[0] }, 'execution starts')
    return this.context.executor.run(
      {
        executionId: `${taskId}-${leaseId ?? 'local'}` as ExecutionId,
        argv: command.argv,
        cwd: command.cwd,
        env: { ...command.env, ...this.fencing() },
        deadline: this.held === undefined ? NO_DEADLINE : deadlineOf(this.held.plan),
      },
      (stream, chunk) => this.passOn(stream, chunk),
    )
  }

  private follow(execution: Execution): void {
    this.execution = execution
    this.started = execution.started.then(
      ({ pid }) => {
        this.context.events.executionStarted(this.task.record, pid)
        return this.handle({ type: 'started', pid })
      },
      () => undefined, // `ended` tells why
    )
    void execution.ended.then((end) => this.executionEnded(end))
    const { work } = this.task.record
    const timeoutMs = work && timeoutMsOf(work)
    if (timeoutMs !== undefined) {
      this.cancelTimeout = this.context.scheduler.after(timeoutMs, () => void this.stop('timeout'))
    }
  }

  private notStarted(cause: Outcome['cause'], error: string): void {
    this.held = undefined
    this.context.events.executionEnded(this.task.record, { cause, quiet: true })
    void this.handle({ type: 'ended', outcome: { cause, quiet: true, outputBytes: 0, error } })
  }

  /** What the command may use to fence its own writes to storage that it shares with other attempts. */
  private fencing(): Record<string, string> {
    const { leaseId, taskId } = this.task.record
    const token = leaseId === undefined ? {} : { POPULI_FENCING_TOKEN: String(leaseId) }
    return { POPULI_TASK_ID: String(taskId), ...token }
  }

  private async passOn(stream: 'stdout' | 'stderr', chunk: Uint8Array): Promise<void> {
    // The submitter hears that it runs before it hears what it says.
    await this.started
    const { idempotencyKey, leaseId } = this.task.record
    const attempt = { idempotency_key: idempotencyKey, exec_lease_id: leaseId }
    const message = await this.output.take(attempt, stream, chunk)
    if (message !== undefined) this.context.link.send(this.task.submitter, message)
  }

  private executionEnded(end: ExecutionEnd): void {
    this.cancelTimeout?.()
    this.held = undefined
    this.logger.info({ cause: end.cause, exitCode: end.exitCode, quiet: end.quiet }, 'execution ended')
    const outcome = outcomeOf(end, this.output.totalBytes)
    // The guardian may be the first to see that the lease is over.
    const isLost = outcome.cause === 'lease-lost' && !mayRenew(this.context.standing())
    this.context.events.executionEnded(this.task.record, end)
    void this.handle({ type: 'ended', outcome: isLost ? { ...outcome, cause: 'quarantined' } : outcome })
  }

  private async renew(held: HeldLease): Promise<void> {
    try {
      const { sentAt } = await this.context.authority.execute(
        { type: 'lease.renew', leaseId: held.leaseId },
        this.ttlMs / 3,
      )
      // An order that came in meanwhile counts from when it came.
      if (!mayRenew(this.context.standing())) return
      held.renewed(sentAt)
      this.execution?.extend(deadlineOf(held.plan))
    } catch (thrown) {
      const error = toCodedError(thrown)
      if (error.code === 'lease.revoked') this.leaseRevoked(this.context.clock.now())
      else if (GONE.has(error.code)) held.refused()
      this.logger.warn({ err: error }, 'lease not renewed')
    }
  }

  private async release(): Promise<void> {
    const leaseId = present(this.task.record.leaseId, 'lease to release')
    try {
      await this.context.authority.execute({ type: 'lease.release', leaseId }, this.ttlMs)
    } catch (thrown) {
      const error = toCodedError(thrown)
      // Nothing is lost but time: the lease runs out.
      if (error.code !== 'lease.unknown') this.logger.warn({ err: error }, 'lease not released; it runs out')
    }
  }

  private get ttlMs(): number {
    return this.task.record.ttlMs ?? this.context.leaseTtlMs
  }
}

/** Neither quarantined nor retired. */
const mayRenew = ({ isQuarantined, isRetired }: Standing): boolean => !isQuarantined && !isRetired

const deadlineOf = ({ termAt, killAt }: LeasePlan): ExecutionDeadline => ({ termAt, killAt })

function outcomeOf(end: ExecutionEnd, outputBytes: number): Outcome {
  const about = { exitCode: end.exitCode, signal: end.signal, quiet: end.quiet, outputBytes }
  switch (end.cause) {
    case 'exited':
      return { cause: 'exited', ...about }
    case 'spawn-failed':
    case 'guardian-lost': {
      const shape = end.error ?? new CodedError('internal', { reason: end.cause }).toShape()
      return { cause: end.cause, ...about, error: shape.message.slice(0, LIMITS.errorTextBytesMax) }
    }
    case 'deadline':
      return { cause: 'lease-lost', ...about, error: 'the lease ran out, so the guardian ended the command' }
    case 'killed-on-order':
      return { cause: 'cancelled', ...about, error: 'ended on order' }
  }
}
