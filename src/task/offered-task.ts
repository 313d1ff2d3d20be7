/**
 * The life of an offered task at its worker.
 *
 *     new ── confirming ── starting ── running ── ending ── ended ── finished
 *      │         │             └───────────┴─────────┴───────┘
 *      │         ├ a lease was not confirmed: refused
 *      └─────────┴ cancelled, or too late: ended, and nothing was started
 *
 * What must come before what, and why:
 *
 * - *On disk before accepted, and before anything starts.* The record is written once, at the offer. With it on disk no repetition
 *   of the offer starts anything again, whatever crashes; without it nothing was promised to anybody. The leases are asked for
 *   while it is being written: a lease that was confirmed for a record that a crash took away only runs out.
 * - *Confirmed before started.* The worker renews the authority's lease itself, so it knows by its own clock from when its span
 *   counts; a submitter that gave up has taken the lease back, and the renewal fails. An attached task needs the answer of its
 *   submitter as well, which then knows until when it must not run the task at home. Nothing starts before both answered.
 * - *Told to end before that is on disk.* `started`, `running` and `ending` are notes: after a crash the guardian has ended what
 *   ran whatever they say, and a stop must not wait for a disk.
 * - *On disk before reported, reported until acknowledged.* A worker that crashed says what it said before. The result comes after
 *   the output that is still kept, so a submitter that has the result misses nothing that could be had.
 * - *Quiet before released.* The lease is given back when nothing of the work is left, also when the work was never begun. An end that is
 *   not proven quiet gives nothing back: the lease has to run out, and the result says so.
 * - *Told before released, when it is the task's own result.* Whoever gets the lease next runs the task again, and its submitter
 *   is the first to ask: one that cannot reach this node, but the authority, would repeat what is done. So the lease is kept until
 *   the result is acknowledged, or for as long as it is worth waiting. What ended only the attempt gives it back at once.
 * - *Finished is remembered.* After the acknowledgement the key stays on disk for a while: a late repetition of the offer
 *   finds it. Beyond that time the authority's lease, which has ended, refuses it.
 *
 * A cancel for an attempt that is not known is an attempt that ended before it began, on disk like any other: the offer may
 * still be under way behind it, and the submitter needs an answer that ends the task.
 *
 * Pure; effects are carried out in order, `journal` durably before those after it.
 */
import {
  type BootMs,
  type LeaseId,
  LIMITS,
  type PeerId,
  type Reason,
  type UnixMs,
  unreachable,
} from '../base/index.ts'
import { isAboutTheTask, type Outcome, type TaskMessage } from './messages.ts'
import type { Result, WorkerEffect, WorkerEvent } from './offer-events.ts'
import type { OfferRecord } from './offer-record.ts'
import { cancelLatencyMs, type RunState } from './run-states.ts'
import { STOPS, type StopCause } from './stop-causes.ts'

export class OfferedTask {
  private current: OfferRecord
  private readonly nextEnd: () => number
  private effects: WorkerEffect[] = []
  private now = 0 as UnixMs
  private leaseSentAt: BootMs | undefined
  private submitterSentAt: BootMs | undefined
  private isReleased = false

  /** @param nextEnd numbers the ends at this worker, rising. */
  constructor(record: OfferRecord, nextEnd: () => number) {
    this.current = record
    this.nextEnd = nextEnd
  }

  get record(): OfferRecord {
    return this.current
  }

  get submitter(): PeerId {
    return this.current.submitter
  }

  handle(event: WorkerEvent, now: UnixMs): readonly WorkerEffect[] {
    this.effects = []
    this.now = now
    switch (event.type) {
      case 'offered':
        this.onOffered()
        break
      case 'lease-confirmed':
        this.onLeaseConfirmed(event.sentAt, event.ttlMs)
        break
      case 'lease-refused':
        this.onLeaseRefused(event.reason, event.isOpen)
        break
      case 'submitter-confirmed':
        this.submitterSentAt ??= event.sentAt
        this.startWhenConfirmed()
        break
      case 'started':
        this.onStarted(event.pid)
        break
      case 'stop':
        this.onStop(event.cause)
        break
      case 'ended':
        this.onEnded(event.outcome)
        break
      case 'acknowledged':
        this.onAcknowledged()
        break
      case 'kept-long-enough':
        this.releaseKept()
        break
      case 'submitter-connected':
        this.repeat()
        break
      case 'recovered':
        this.onRecovered(event.quiet, event.outputBytes)
        break
      default:
        unreachable(event)
    }
    return this.effects
  }

  /** The first offer, or the same one again because the answer was lost. */
  private onOffered(): void {
    switch (this.current.state) {
      case 'new':
        return this.take()
      case 'confirming':
      case 'refused':
      case 'finished':
        return
      case 'starting':
      case 'running':
      case 'ending':
        this.acknowledge(true, null)
        return this.sayStarted()
      case 'ended':
        return this.report()
      default:
        return unreachable(this.current.state)
    }
  }

  private take(): void {
    const { leaseId, attachedTtlMs } = this.current
    if (leaseId === undefined) {
      // It never leaves its submitter, which is this node: nobody else can hold the key.
      this.become('starting', 'journal')
      this.start()
      return
    }
    this.effects.push({ type: 'confirm-lease', leaseId })
    if (attachedTtlMs !== undefined) this.effects.push({ type: 'ask-submitter' })
    this.become('confirming', 'journal')
  }

  private onLeaseConfirmed(sentAt: BootMs, ttlMs: number): void {
    if (this.current.state !== 'confirming') return
    this.leaseSentAt = sentAt
    this.current = { ...this.current, ttlMs }
    this.startWhenConfirmed()
  }

  private startWhenConfirmed(): void {
    const { state, attachedTtlMs } = this.current
    if (state !== 'confirming' || this.leaseSentAt === undefined) return
    if (attachedTtlMs !== undefined && this.submitterSentAt === undefined) return
    this.become('starting', 'note')
    this.start()
  }

  private start(): void {
    const { deadlineUnixMs } = this.current
    if (deadlineUnixMs !== undefined && this.now >= deadlineUnixMs) return this.endBeforeStart('deadline')
    this.acknowledge(true, null)
    const { leaseSentAt, submitterSentAt } = this
    this.effects.push({ type: 'execute', confirmed: { leaseSentAt, submitterSentAt } })
  }

  private onLeaseRefused(reason: Reason, isOpen: boolean): void {
    const { state, leaseId } = this.current
    if (state !== 'confirming') return
    this.current = { ...this.current, state: 'refused' }
    this.acknowledge(false, reason)
    if (isOpen && leaseId !== undefined) this.effects.push({ type: 'release-lease', leaseId })
    this.effects.push({ type: 'forget' })
  }

  private onStarted(pid: number): void {
    if (this.current.state !== 'starting' && this.current.state !== 'ending') return
    this.current = { ...this.current, starts: 1, pid }
    this.enter('start')
    this.become(this.current.state === 'ending' ? 'ending' : 'running', 'note')
    this.sayStarted()
  }

  /** A submitter that was restarted, or gave up, answers `started` with a cancel. */
  private repeat(): void {
    switch (this.current.state) {
      case 'confirming':
        if (this.current.attachedTtlMs !== undefined && this.submitterSentAt === undefined)
          this.effects.push({ type: 'ask-submitter' })
        return
      case 'running':
      case 'ending':
        return this.sayStarted()
      case 'ended':
        return this.report()
      case 'new':
      case 'starting':
      case 'finished':
      case 'refused':
        return
      default:
        return unreachable(this.current.state)
    }
  }

  private onStop(cause: StopCause): void {
    switch (this.current.state) {
      case 'new':
      case 'confirming':
        if (cause === 'cancelled') this.enter('cancel_requested')
        return this.endBeforeStart(cause)
      case 'starting':
      case 'running':
        if (cause === 'cancelled') this.enter('cancel_requested')
        this.current = { ...this.current, stopCause: cause }
        this.effects.push({ type: 'end-execution' })
        return this.become('ending', 'note')
      case 'ending':
        // It ends already, and keeps its cause; how long the one who cancels waited is told all the same.
        if (cause === 'cancelled' && !this.has('cancel_requested')) this.enter('cancel_requested')
        return
      case 'ended':
      case 'finished':
      case 'refused':
        return
      default:
        return unreachable(this.current.state)
    }
  }

  private endBeforeStart(cause: StopCause): void {
    this.conclude({ ...STOPS[cause], quiet: true, outputBytes: 0 })
  }

  private onEnded(outcome: Outcome): void {
    const { state, stopCause } = this.current
    if (state !== 'starting' && state !== 'running' && state !== 'ending') return
    // A command that ended by itself just before it was stopped has a result of its own.
    const isOwn = outcome.cause === 'exited' || outcome.cause === 'spawn-failed'
    this.conclude(stopCause === undefined || isOwn ? outcome : { ...outcome, ...STOPS[stopCause] })
  }

  private onRecovered(quiet: boolean, outputBytes: number): void {
    if (this.current.state === 'ended') return
    this.conclude({
      cause: 'worker-restarted',
      quiet,
      outputBytes,
      error: 'the worker was restarted; its guardian ended what ran there',
    })
  }

  private conclude(outcome: Outcome): void {
    const { leaseId } = this.current
    this.current = {
      ...this.current,
      outcome: outcome.quiet ? outcome : withWarning(outcome),
      endNumber: this.nextEnd(),
    }
    this.enter(runStateOf(outcome))
    this.become('ended', 'journal')
    this.report()
    if (this.keepsLease) this.effects.push({ type: 'keep-lease' })
    else if (leaseId !== undefined && outcome.quiet) this.effects.push({ type: 'release-lease', leaseId })
  }

  /** It has ended, and still holds its lease, so that nobody runs the task again before its result is known. */
  get keepsLease(): boolean {
    const { state, leaseId, outcome } = this.current
    if (state !== 'ended' || leaseId === undefined || outcome?.quiet !== true) return false
    // Nobody runs again what was cancelled.
    return isAboutTheTask(outcome.cause) && outcome.cause !== 'cancelled' && !this.isReleased
  }

  private releaseKept(): void {
    const { leaseId } = this.current
    if (!this.keepsLease || leaseId === undefined) return
    this.isReleased = true
    this.effects.push({ type: 'release-lease', leaseId })
  }

  private onAcknowledged(): void {
    if (this.current.state !== 'ended') return
    this.releaseKept()
    const { idempotencyKey, taskId, submitter, leaseId, starts, endNumber, outcome } = this.current
    this.current = {
      ...{ idempotencyKey, taskId, submitter, leaseId, starts, endNumber },
      state: 'finished',
      runs: [],
      finishedUnixMs: this.now,
      ...(outcome?.quiet === false ? { mayBeLeft: true } : {}),
    }
    this.effects.push({ type: 'forget' })
  }

  private report(): void {
    const { outcome } = this.current
    if (outcome === undefined) return
    const success = outcome.cause === 'exited' && outcome.exitCode === 0
    const message: Result = {
      type: 'remote_task_result',
      ...this.attempt(),
      task_id: this.current.taskId,
      success,
      result: outcome.exitCode === undefined ? null : `exit ${outcome.exitCode}`,
      error: success ? null : (outcome.error ?? `exit ${outcome.exitCode ?? outcome.signal ?? '?'}`),
      outcome,
      starts: this.current.starts,
    }
    this.effects.push({ type: 'report', message })
  }

  private acknowledge(accepted: boolean, detail: string | null): void {
    this.send({ type: 'remote_task_ack', ...this.attempt(), accepted, detail })
  }

  private sayStarted(): void {
    const { pid } = this.current
    if (pid !== undefined) this.send({ type: 'remote_task_started', ...this.attempt(), pid })
  }

  private attempt(): { idempotency_key: string; exec_lease_id: LeaseId | undefined } {
    return { idempotency_key: this.current.idempotencyKey, exec_lease_id: this.current.leaseId }
  }

  private send(message: TaskMessage): void {
    this.effects.push({ type: 'send', message })
  }

  private become(state: OfferRecord['state'], write: 'journal' | 'note'): void {
    this.current = { ...this.current, state }
    this.effects.push({ type: write })
  }

  private enter(state: RunState): void {
    const change = { state, atUnixMs: this.now }
    this.current = { ...this.current, runs: [...this.current.runs, change] }
    this.effects.push({ type: 'run', change, cancelLatencyMs: cancelLatencyMs(this.current.runs) })
  }

  private has(wanted: RunState): boolean {
    return this.current.runs.some(({ state }) => state === wanted)
  }
}

function runStateOf({ cause, exitCode }: Outcome): RunState {
  if (cause === 'cancelled') return 'cancelled'
  return cause === 'exited' && exitCode === 0 ? 'complete' : 'error'
}

function withWarning(outcome: Outcome): Outcome {
  const warning = 'nothing proves that all of it is gone, so its lease has to run out'
  const error = outcome.error === undefined ? warning : `${outcome.error}; ${warning}`
  return { ...outcome, error: error.slice(0, LIMITS.errorTextBytesMax) }
}
