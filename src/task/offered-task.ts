/**
 * The life of an offered task at its worker.
 *
 *     confirming → starting → running → ending → ended → (acknowledged: forgotten after a while)
 *          └ lease refused: offer refused
 *
 * The worker renews the lease itself before it starts anything: it then knows by its own clock from when its span counts, and a
 * submitter that gave up in the meantime has already taken the lease back, so the renewal fails and nothing starts. A result is
 * journalled before it is sent, sent until it is acknowledged, and the lease is released only after quiet.
 *
 * Pure; effects are carried out in order, `journal` durably before those after it.
 */
import { type BootMs, type LeaseId, type PeerId, type Reason, unreachable } from '../base/index.ts'
import type { EndCause, Outcome, TaskMessage } from './messages.ts'
import type { OfferRecord } from './offer-record.ts'

export type WorkerEvent =
  | { readonly type: 'offered' }
  /** The lease was renewed by this node; `sentAt` is when the renewal was sent, `ttlMs` what the authority granted. */
  | { readonly type: 'lease-confirmed'; readonly sentAt: BootMs; readonly ttlMs: number }
  | { readonly type: 'lease-refused'; readonly reason: Reason }
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'stop'; readonly cause: StopCause }
  | { readonly type: 'ended'; readonly outcome: Outcome }
  /** The result reached the submitter. */
  | { readonly type: 'acknowledged' }
  /** The submitter can be reached (again): whatever it may have missed is repeated. */
  | { readonly type: 'submitter-connected' }
  /** This node was started again; its guardian has proved that nothing of the task is left. */
  | { readonly type: 'recovered' }

export type StopCause = Extract<
  EndCause,
  | 'cancelled'
  | 'lease-lost'
  | 'submitter-lost'
  | 'node-stopping'
  | 'timeout'
  | 'quarantined'
  | 'drain-deadline'
>

export type WorkerEffect =
  | { readonly type: 'journal' }
  | { readonly type: 'confirm-lease'; readonly leaseId: LeaseId }
  | { readonly type: 'execute'; readonly leaseSentAt: BootMs | undefined }
  | { readonly type: 'end-execution' }
  | { readonly type: 'release-lease'; readonly leaseId: LeaseId }
  | { readonly type: 'send'; readonly message: TaskMessage }
  | { readonly type: 'forget' }

export class OfferedTask {
  private current: OfferRecord
  private effects: WorkerEffect[] = []

  constructor(record: OfferRecord) {
    this.current = record
  }

  get record(): OfferRecord {
    return this.current
  }

  get submitter(): PeerId {
    return this.current.submitter
  }

  handle(event: WorkerEvent): readonly WorkerEffect[] {
    this.effects = []
    switch (event.type) {
      case 'offered':
        this.onOffered()
        break
      case 'lease-confirmed':
        this.onConfirmed(event.sentAt, event.ttlMs)
        break
      case 'lease-refused':
        this.onLeaseRefused(event.reason)
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
        if (this.current.state === 'ended') this.effects.push({ type: 'forget' })
        break
      case 'submitter-connected':
        this.repeat()
        break
      case 'recovered':
        this.onRecovered()
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
        if (this.current.leaseId === undefined) {
          this.become('starting')
          this.acknowledge(true, null)
          this.effects.push({ type: 'execute', leaseSentAt: undefined })
        } else {
          this.become('confirming')
          this.effects.push({ type: 'confirm-lease', leaseId: this.current.leaseId })
        }
        return
      case 'confirming':
        return
      case 'starting':
      case 'running':
      case 'ending':
        return this.acknowledge(true, null)
      case 'ended':
        return this.sendResult()
      default:
        return unreachable(this.current.state)
    }
  }

  private onConfirmed(sentAt: BootMs, ttlMs: number): void {
    if (this.current.state !== 'confirming') return
    this.current = { ...this.current, ttlMs }
    this.become('starting')
    this.acknowledge(true, null)
    this.effects.push({ type: 'execute', leaseSentAt: sentAt })
  }

  private onLeaseRefused(reason: Reason): void {
    if (this.current.state !== 'confirming') return
    this.acknowledge(false, reason)
    this.effects.push({ type: 'forget' })
  }

  private onStarted(pid: number): void {
    if (this.current.state !== 'starting' && this.current.state !== 'ending') return
    this.current = { ...this.current, starts: 1, pid }
    this.become(this.current.state === 'ending' ? 'ending' : 'running')
    this.send({ type: 'remote_task_started', ...this.attempt(), pid })
  }

  /** A submitter that was restarted, or gave up, answers `started` with a cancel. */
  private repeat(): void {
    const { state, pid } = this.current
    if (state === 'ended') this.sendResult()
    else if (state === 'running' && pid !== undefined) {
      this.send({ type: 'remote_task_started', ...this.attempt(), pid })
    }
  }

  private onStop(cause: StopCause): void {
    switch (this.current.state) {
      case 'new':
      case 'confirming':
        return this.endBeforeStart(cause)
      case 'starting':
      case 'running':
        this.current = { ...this.current, stopCause: cause }
        this.become('ending')
        this.effects.push({ type: 'end-execution' })
        return
      case 'ending':
      case 'ended':
        return
      default:
        return unreachable(this.current.state)
    }
  }

  private endBeforeStart(cause: StopCause): void {
    this.conclude({ cause, quiet: true, outputBytes: 0, error: STOP_TEXT[cause] })
  }

  private onEnded(outcome: Outcome): void {
    if (this.current.state === 'ended') return
    const cause = this.current.stopCause
    // A command that ended by itself just before it was stopped has a result of its own.
    const stopped = cause !== undefined && outcome.cause !== 'exited' && outcome.cause !== 'spawn-failed'
    this.conclude(stopped ? { ...outcome, cause, error: STOP_TEXT[cause] } : outcome)
  }

  private onRecovered(): void {
    if (this.current.state === 'ended') return
    this.conclude({
      cause: 'worker-restarted',
      quiet: true,
      outputBytes: 0,
      error: 'the worker was restarted; its guardian ended what ran there',
    })
  }

  private conclude(outcome: Outcome): void {
    this.current = { ...this.current, outcome }
    this.become('ended')
    // Not quiet: the span must run out on its own, because something may still execute.
    if (this.current.leaseId !== undefined && outcome.quiet) {
      this.effects.push({ type: 'release-lease', leaseId: this.current.leaseId })
    }
    this.sendResult()
  }

  private sendResult(): void {
    const { outcome } = this.current
    if (outcome === undefined) return
    const success = outcome.cause === 'exited' && outcome.exitCode === 0
    this.send({
      type: 'remote_task_result',
      ...this.attempt(),
      task_id: this.current.taskId,
      success,
      result: outcome.exitCode === undefined ? null : `exit ${outcome.exitCode}`,
      error: success ? null : (outcome.error ?? `exit ${outcome.exitCode ?? outcome.signal ?? '?'}`),
      outcome,
      starts: this.current.starts,
    })
  }

  private acknowledge(accepted: boolean, detail: string | null): void {
    this.send({ type: 'remote_task_ack', ...this.attempt(), accepted, detail })
  }

  private attempt(): { idempotency_key: string; exec_lease_id: LeaseId | undefined } {
    return { idempotency_key: this.current.idempotencyKey, exec_lease_id: this.current.leaseId }
  }

  private send(message: TaskMessage): void {
    this.effects.push({ type: 'send', message })
  }

  private become(state: OfferRecord['state']): void {
    this.current = { ...this.current, state }
    this.effects.push({ type: 'journal' })
  }
}

const STOP_TEXT: Readonly<Record<StopCause, string>> = {
  cancelled: 'cancelled',
  'lease-lost': 'the lease could not be kept, so the command was ended in time',
  'submitter-lost': 'the submitter was out of reach for too long',
  'node-stopping': 'the worker was shut down',
  timeout: 'the command ran longer than its time limit',
  quarantined: 'an admin order stopped all work on the node',
  'drain-deadline': 'the node was drained, and the deadline had passed',
}
