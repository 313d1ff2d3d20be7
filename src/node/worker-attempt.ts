/**
 * One offered attempt at this worker, from its envelope to its acknowledged result: carries out what the pure core
 * (`task/offered-task.ts`) decides. Events are handled one after another, each with its effects in order; what takes long
 * (renewing, executing) runs beside and comes back as an event.
 */
import {
  type BootMs,
  bootMs,
  type LeaseId,
  LIMITS,
  type Logger,
  present,
  toCodedError,
  unreachable,
} from '../base/index.ts'
import {
  attemptKey,
  type Confirmed,
  encodeOfferRecord,
  type OfferedTask,
  type StopCause,
  type TaskMessage,
  traceIdOf,
  type WorkerEffect,
  type WorkerEvent,
} from '../task/index.ts'
import { AttemptExecution } from './attempt-execution.ts'
import { AttemptLeases, isGone } from './attempt-leases.ts'
import type { AttemptOutput, SendOutput } from './attempt-output.ts'
import { AttemptWatch } from './attempt-watch.ts'
import { DEMAND_PATIENCE_MS } from './demand-queue.ts'
import { executionIdOf } from './execution-spec.ts'
import { obstacleOfRefusal } from './order-bars.ts'
import { OutputSpool } from './output-spool.ts'
import { OutputWindow } from './output-window.ts'
import type { WorkerContext } from './worker-context.ts'

const NEVER = bootMs(Number.MAX_SAFE_INTEGER)

export class WorkerAttempt {
  readonly task: OfferedTask
  readonly key: string
  private readonly context: WorkerContext
  private readonly logger: Logger
  private readonly watch: AttemptWatch
  private readonly leases: AttemptLeases | undefined
  private readonly output: AttemptOutput
  private readonly spool: OutputSpool | undefined
  private readonly execution: AttemptExecution
  private chain: Promise<void> = Promise.resolve()
  private keptUntil = NEVER

  /** @param hasSpool an earlier life of the node left output of it on disk. */
  constructor(context: WorkerContext, task: OfferedTask, hasSpool = false) {
    this.context = context
    this.task = task
    const { record } = task
    this.key = attemptKey(record.idempotencyKey, record.leaseId)
    const traceId = traceIdOf(record.traceparent)
    this.logger = context.logger.child({
      task: record.taskId,
      leaseId: record.leaseId,
      ...(traceId === undefined ? {} : { traceId }),
    })
    this.watch = new AttemptWatch(context.clock, context.standing, record)
    this.leases = record.leaseId === undefined ? undefined : this.createLeases(record.leaseId)
    this.spool = this.isDetached || hasSpool ? this.createSpool(hasSpool) : undefined
    this.output = this.spool ?? new OutputWindow(this.sendOutput)
    this.execution = this.createExecution()
  }

  get ended(): boolean {
    const { state } = this.task.record
    return state === 'ended' || state === 'finished' || state === 'refused'
  }

  /** Time matters to it: it has not ended, or it keeps its lease for a result that nobody has yet. */
  get isTimed(): boolean {
    return !this.ended || (this.task.keepsLease && this.leases?.isKept === true)
  }

  /** `tick` has nothing to do before, unless an order came in. */
  get dueAt(): BootMs {
    const own = this.ended ? this.keptUntil : this.watch.dueAt
    return bootMs(Math.min(own, this.leases?.dueAt ?? NEVER))
  }

  /** Handles the event after those before it; resolves when its effects were carried out. */
  handle(event: WorkerEvent): Promise<void> {
    this.chain = this.chain
      .then(() => this.process(event))
      .catch((thrown: unknown) => this.context.fatal(toCodedError(thrown)))
    return this.chain
  }

  /** @param quiet whether what an earlier life of the node had started is proven to be gone. */
  async recover(quiet: boolean): Promise<void> {
    await this.spool?.recover()
    await this.handle({ type: 'recovered', quiet, outputBytes: this.output.totalBytes })
  }

  acknowledgeOutput(bytes: number): void {
    this.output.acknowledge(bytes)
  }

  submitterAnswered(sequence: number): void {
    const sentAt = this.leases?.answered(sequence)
    if (sentAt !== undefined && this.task.record.state === 'confirming')
      void this.handle({ type: 'submitter-confirmed', sentAt })
  }

  submitterBack(): void {
    this.output.repeat()
    void this.handle({ type: 'submitter-connected' })
  }

  /** The lease was taken back: what runs under it has to end now, and what is about to start does not. */
  leaseRevoked(): void {
    this.leases?.revoked()
    if (this.ended) void this.handle({ type: 'kept-long-enough' })
    else void this.stop(this.watch.leaseLost)
  }

  stop(cause: StopCause): Promise<void> {
    // Also of an attempt that has ended: its submitter acknowledges no output of it, so its result would wait for ever.
    if (cause === 'given-up') this.output.giveUp()
    this.output.close()
    return this.handle({ type: 'stop', cause })
  }

  /** Stops, and resolves when the execution has ended and the result is journalled and on its way. */
  async shutDown(): Promise<void> {
    await this.stop('node-stopping')
    await this.execution.over
    await this.chain
  }

  /** Renews the leases, and ends what may not go on. */
  tick(now: BootMs): void {
    const lost = this.leases?.tick(now)
    if (this.ended) {
      if (now >= this.keptUntil) void this.handle({ type: 'kept-long-enough' })
      return
    }
    const ordered = this.watch.tick(now, this.task.record, this.execution.isUnderWay)
    if (ordered !== undefined) void this.stop(ordered)
    if (lost !== undefined) void this.stop(lost === 'lease-lost' ? this.watch.leaseLost : lost)
  }

  /** Goes on keeping the lease that an earlier life of the node had kept. */
  async keepAgain(): Promise<void> {
    if (!this.task.keepsLease) return
    try {
      const { sentAt } = await this.renew(this.ttlMs / 2)
      this.leases?.hold({ leaseSentAt: sentAt, submitterSentAt: undefined }, this.ttlMs)
      this.keepLease()
    } catch (thrown) {
      this.logger.warn({ err: toCodedError(thrown) }, 'the lease of a result that nobody has yet is lost')
    }
  }

  private keepLease(): void {
    const { attachedTtlMs, runs } = this.task.record
    const { clock } = this.context
    const keptMs = Math.max(0, clock.wall() - (runs.at(-1)?.atUnixMs ?? 0))
    // Whoever waits at a terminal would rather have it run again.
    const worthMs = attachedTtlMs ?? LIMITS.resultLeaseKeptMs
    this.keptUntil = bootMs(clock.now() + worthMs - keptMs)
    this.leases?.keep()
  }

  private async process(event: WorkerEvent): Promise<void> {
    const effects = this.task.handle(event, this.context.clock.wall())
    if (this.task.record.state === 'ended') this.context.ended(this)
    if (this.ended && !this.task.keepsLease) this.leases?.end()
    for (const effect of effects) {
      if (effect.type === 'journal') await this.context.journal.write(this.key, this.encoded())
      else this.carryOut(effect)
    }
  }

  private carryOut(effect: Exclude<WorkerEffect, { type: 'journal' }>): void {
    switch (effect.type) {
      case 'note':
        return this.context.journal.note(this.key, () => this.encoded())
      case 'confirm-lease':
        return void this.confirm()
      case 'ask-submitter':
        return this.leases?.ask()
      case 'execute':
        return this.begin(effect.confirmed)
      case 'end-execution':
        return this.execution.end(this.task.record.stopCause ?? 'stopped')
      case 'release-lease':
        return void this.release(effect.leaseId)
      case 'keep-lease':
        return this.keepLease()
      case 'send':
        return this.say(effect.message)
      case 'report':
        return this.output.whenSent(() => this.say(effect.message))
      case 'run':
        return this.recordRun(effect)
      case 'forget':
        return this.forget()
      default:
        return unreachable(effect)
    }
  }

  private encoded(): Uint8Array {
    return encodeOfferRecord(this.task.record)
  }

  /** Without a connection nothing waits: there is one soon, and then everything that matters is said again. */
  private say(message: TaskMessage): void {
    const { transport, link } = this.context
    const { submitter } = this.task
    if (this.isReachable()) link.send(submitter, message)
    else transport.want(submitter, DEMAND_PATIENCE_MS)
  }

  private isReachable(): boolean {
    const { transport } = this.context
    const { submitter } = this.task
    return submitter === transport.self || transport.isConnected(submitter)
  }

  private readonly sendOutput: SendOutput = (piece) =>
    this.say({ type: 'remote_task_output', ...this.names(), ...piece })

  private names(): Pick<TaskMessage, 'idempotency_key' | 'exec_lease_id'> {
    const { idempotencyKey, leaseId } = this.task.record
    return { idempotency_key: idempotencyKey, exec_lease_id: leaseId }
  }

  /** Renews before anything starts: from here on this node knows by its own clock when it must be quiet. */
  private async confirm(): Promise<void> {
    try {
      const { sentAt, answer } = await this.renew(this.ttlMs / 2)
      const ttlMs = present(answer.ttlMs, 'the TTL of a renewed lease')
      await this.handle({ type: 'lease-confirmed', sentAt, ttlMs })
    } catch (thrown) {
      const error = toCodedError(thrown)
      const otherwise = isGone(error) ? 'lease_expired' : 'lease_unavailable'
      const reason = obstacleOfRefusal(error.code) ?? otherwise
      this.context.events.offerRefused(this.task.record, reason)
      await this.handle({ type: 'lease-refused', reason, isOpen: reason === 'lease_unavailable' })
    }
  }

  private renew(deadlineMs: number): ReturnType<WorkerContext['authority']['execute']> {
    const leaseId = present(this.task.record.leaseId, 'lease to renew')
    return this.context.authority.execute({ type: 'lease.renew', leaseId }, deadlineMs)
  }

  private begin(confirmed: Confirmed): void {
    this.context.events.offerAccepted(this.task.record)
    this.leases?.hold(confirmed, this.ttlMs)
    this.execution.begin(this.task.record)
  }

  private async release(leaseId: LeaseId): Promise<void> {
    try {
      await this.context.authority.execute({ type: 'lease.release', leaseId }, this.ttlMs)
    } catch (thrown) {
      const error = toCodedError(thrown)
      // Nothing is lost but time: the lease runs out.
      if (error.code !== 'lease.unknown') this.logger.warn({ err: error }, 'lease not released; it runs out')
    }
  }

  private recordRun({ change, cancelLatencyMs }: Extract<WorkerEffect, { type: 'run' }>): void {
    const { events } = this.context
    const { record } = this.task
    switch (change.state) {
      case 'start':
        return events.executionStarted(record)
      case 'cancel_requested':
        return events.cancelRequested(record)
      case 'cancelled':
      case 'complete':
      case 'error':
        return events.executionEnded(record, change.state, cancelLatencyMs)
      default:
        return unreachable(change.state)
    }
  }

  private forget(): void {
    const { journal, outputs } = this.context
    journal.note(this.key, () => (this.task.record.state === 'refused' ? undefined : this.encoded()))
    if (this.spool?.isUsed === true)
      outputs.remove(executionIdOf(this.task.record)).catch((thrown: unknown) => this.spoolFailed(thrown))
    this.context.forget(this)
  }

  private createLeases(leaseId: LeaseId): AttemptLeases {
    const { clock, driftRatio, stopBudget } = this.context
    return new AttemptLeases({
      leaseId,
      attachedTtlMs: this.task.record.attachedTtlMs,
      driftRatio,
      stopBudget,
      logger: this.logger,
      now: () => clock.now(),
      renew: () => this.renew(this.ttlMs / 3),
      mayRenew: () => this.watch.mayRenew,
      askSubmitter: (sequence) => this.say({ type: 'remote_task_renew', ...this.names(), sequence }),
      extended: (deadline) => this.execution.extend(deadline),
    })
  }

  private createExecution(): AttemptExecution {
    const { context, logger, output, leases, watch } = this
    return new AttemptExecution({
      ...{ context, logger, output, leases, watch },
      onStarted: (pid) => this.handle({ type: 'started', pid }),
      onEnded: (outcome) => void this.handle({ type: 'ended', outcome }),
      stop: (cause) => void this.stop(cause),
    })
  }

  /** Its submitter may be away, and nobody holds it up. */
  private get isDetached(): boolean {
    const { attachedTtlMs } = this.task.record
    return attachedTtlMs === undefined && this.task.submitter !== this.context.transport.self
  }

  private createSpool(isOnDisk: boolean): OutputSpool {
    return new OutputSpool({
      isOnDisk,
      open: () => this.context.outputs.open(executionIdOf(this.task.record)),
      isConnected: () => this.isReachable(),
      send: this.sendOutput,
      onTrouble: (thrown) => this.spoolFailed(thrown),
    })
  }

  private spoolFailed(thrown: unknown): void {
    this.logger.warn({ err: toCodedError(thrown) }, 'trouble with the output on disk')
  }

  private get ttlMs(): number {
    return this.task.record.ttlMs ?? this.context.leaseTtlMs
  }
}
