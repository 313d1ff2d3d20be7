/**
 * The life of a task at its submitter.
 *
 *     queued → placing → leasing → offered → running → completed | failed | cancelled
 *                 ↑         ↑         │         │  ↑
 *                 └─────────┼─ refused┘         ↓  │ the worker is back
 *                           └───────────────── fallback
 *
 * One *attempt* is one lease for one worker (`newest-attempt.ts`). In `fallback` it is given up, and what comes next waits until nobody
 * can execute it any more (`fallback-wait.ts`); a worker that comes back before that goes on as if nothing had been. A result counts
 * only while its attempt is the newest (fencing); the first one that counts is final, everything later is acknowledged, counted
 * and otherwise ignored.
 *
 * All states, and what leads from one to another: docs/task-states.md.
 *
 * Pure: an event goes in, effects come out, in the order in which they must be carried out.
 */
import {
  type LeaseId,
  LIMITS,
  type NodeId,
  type PeerId,
  type Reason,
  type TaskId,
  unreachable,
} from '../base/index.ts'
import { FallbackWait } from './fallback-wait.ts'
import { type EndCause, isAboutTheTask, type Outcome, type TaskMessage } from './messages.ts'
import { type Home, NewestAttempt } from './newest-attempt.ts'
import { RecordKeeper } from './record-keeper.ts'
import type { SubmitterEffect, SubmitterEvent, TaskTime } from './submitter-events.ts'
import { cancelMessage, resultAckMessage } from './submitter-messages.ts'
import type { TaskRecord } from './task-record.ts'

/** After so many refusals by workers the task runs at home. */
const PLACEMENTS_MAX = 3

type Result = Extract<TaskMessage, { type: 'remote_task_result' }>

export class SubmittedTask {
  private readonly book: RecordKeeper
  private readonly attempt: NewestAttempt
  private readonly fallback: FallbackWait
  private readonly home: Home
  /** In this life of the node: whoever read its output is gone, and an attached task that ended for that is not begun anew. */
  private wasRestarted = false
  constructor(home: Home, record: TaskRecord) {
    this.home = home
    this.book = new RecordKeeper(record)
    this.attempt = new NewestAttempt(this.book, home)
    this.fallback = new FallbackWait(this.book, this.attempt, home)
  }

  get record(): TaskRecord {
    return this.book.record
  }

  get taskId(): TaskId {
    return this.record.taskId
  }

  handle(event: SubmitterEvent, now: TaskTime): readonly SubmitterEffect[] {
    this.book.begin(now)
    if (this.book.isEnded) this.afterEnd(event)
    else this.dispatch(event)
    return this.book.takeEffects()
  }

  private dispatch(event: SubmitterEvent): void {
    switch (event.type) {
      case 'submitted':
        this.book.enter('queued', {})
        return this.place({})
      case 'placed':
        return this.onPlaced(event.peer, event.nodeId, event.reason)
      case 'unplaceable':
        return this.onUnplaceable(event.reason, event.detail)
      case 'lease-granted':
        return this.onLease(event.leaseId, event.ttlMs)
      case 'lease-unavailable':
        return this.onLeaseUnavailable(event.detail)
      case 'holder-barred':
        return this.onHolderBarred(event.reason, event.detail)
      case 'lease-held':
        return this.onLeaseHeld()
      case 'lease-expired':
        return this.onLeaseExpired(event.leaseId)
      case 'message':
        return this.onMessage(event.from, event.message)
      case 'peer-connected':
        return this.onPeerConnected(event.peer)
      case 'peer-lost':
        return this.onPeerLost(event.peer)
      case 'span-over':
        return this.fallback.spanOver()
      case 'cancel-requested':
        return this.onCancel()
      case 'recovered':
        return this.onRecovered(event.outputEnd)
      default:
        return unreachable(event)
    }
  }

  private place({ detail, patient = false }: { detail?: string; patient?: boolean }): void {
    this.book.enter('placing', { detail })
    this.book.do({ type: 'place', exclude: this.record.refusedBy, patient })
  }

  private onPlaced(peer: PeerId, nodeId: NodeId, reason: Reason): void {
    if (this.record.state !== 'placing' || this.book.endsAtDeadline()) return
    this.attempt.begin(peer, nodeId)
    this.book.enter('leasing', { reason })
    this.requestLease(false)
  }

  private onUnplaceable(reason: Reason, detail: string): void {
    if (this.record.state === 'placing') this.book.finish('failed', { reason, error: detail })
  }

  // Answers of the authority

  private onLease(leaseId: LeaseId, ttlMs: number): void {
    if (this.fallback.isOn) return this.fallback.leaseGranted(leaseId, ttlMs)
    if (this.record.state !== 'leasing' || this.book.endsAtDeadline())
      return this.book.do({ type: 'take-back-lease', leaseId })
    this.attempt.leased(leaseId, ttlMs)
    this.attempt.offer(this.attempt.isAtHome ? {} : { reason: 'populi_remote_lease_hold' })
  }

  /** It was offered to nobody, or refused by everybody: an attached task runs at home without a lease, a detached one waits. */
  private onLeaseUnavailable(detail: string): void {
    if (this.fallback.isOn) return this.fallback.authorityAway(detail)
    const { state, attached, fallback } = this.record
    if (state !== 'leasing' || this.book.endsAtDeadline()) return
    const reason = 'lease_unavailable'
    if (!attached) {
      this.book.say('authority', { reason, detail: `waiting for it: ${detail}` })
      return this.requestLease(true)
    }
    if (fallback === 'none' && !this.attempt.isAtHome)
      return this.book.finish('failed', { reason, error: detail })
    this.attempt.begin(this.home.peer, this.home.nodeId)
    this.attempt.offer({ reason, detail })
  }

  /** By a request of this task whose answer was lost. */
  private onLeaseHeld(): void {
    if (this.fallback.isOn) return this.fallback.leaseHeld()
    if (this.record.state !== 'leasing' || this.book.endsAtDeadline()) return
    this.book.say('lease', { detail: 'waiting for an earlier lease of it to end' })
    this.requestLease(true)
  }

  private onHolderBarred(reason: Reason, detail: string): void {
    if (this.fallback.isOn) this.fallback.barred({ reason, detail })
    else if (this.record.state === 'leasing') this.tryWithout(reason, detail)
  }

  private onLeaseExpired(leaseId: LeaseId): void {
    const { nodeId, leaseId: current } = this.attempt.value ?? {}
    if (current !== leaseId || !this.attempt.mayExecute) return
    if (this.fallback.isOn) return this.fallback.leaseExpired()
    this.attempt.over()
    this.fallback.begin('lease_expired', `the lease of ${nodeId} has ended`)
  }

  private requestLease(again: boolean): void {
    this.book.do({ type: 'request-lease', holder: this.attempt.current.peer, again })
  }

  // What the worker says

  private onMessage(from: PeerId, message: TaskMessage): void {
    if (!this.isOfThisAttempt(from, message)) return this.refuseStale(from, message)
    switch (message.type) {
      case 'remote_task_ack':
        return message.accepted ? undefined : this.onRefused(message.detail ?? 'offer_refused')
      case 'remote_task_started':
        return this.onStarted()
      case 'remote_task_renew':
        return this.onRenew(message)
      case 'remote_task_output':
        return this.attempt.receive(message)
      case 'remote_task_result':
        return this.onResult(from, message)
      case 'remote_task_renewed':
      case 'remote_task_envelope':
      case 'remote_task_output_ack':
      case 'remote_task_result_ack':
      case 'remote_task_cancel':
        return undefined
      default:
        return unreachable(message)
    }
  }

  private isOfThisAttempt(from: PeerId, { exec_lease_id }: TaskMessage): boolean {
    const { state, attempt } = this.record
    const wasOffered = state === 'offered' || state === 'running' || state === 'fallback'
    return wasOffered && attempt?.peer === from && attempt.leaseId === exec_lease_id
  }

  /** Only what a worker does not know is refused: nothing of it runs there. */
  private onRefused(detail: string): void {
    const { state, cancelRequested, attached, attempts } = this.record
    const { leaseId, nodeId } = this.attempt.current
    if (!this.attempt.mayExecute) return
    this.attempt.over()
    if (leaseId !== undefined) this.book.do({ type: 'take-back-lease', leaseId })
    if (cancelRequested) return this.book.cancelled()
    const mayTryAgain = this.attempt.isAtHome && !attached && attempts < LIMITS.taskAttemptsMax
    if (mayTryAgain) return this.place({ detail: `refused here: ${detail}` })
    // A busy machine, or an authority that has just lost its leader, says nothing about the task.
    const isLate = detail === 'lease_unavailable' || detail === 'lease_expired'
    if (this.attempt.isAtHome && isLate && attempts < LIMITS.taskAttemptsMax)
      return this.fallback.begin(detail, 'its lease could not be confirmed in time here')
    const isFirst = state === 'offered' && !this.attempt.isOfferedAnew
    if (isFirst || this.attempt.isAtHome) return this.tryWithout('offer_refused', detail)
    this.fallback.begin('worker_lost', `${nodeId} knows nothing of it any more: ${detail}`)
  }

  private tryWithout(reason: Reason, detail: string): void {
    const { peer, nodeId } = this.attempt.current
    const refusedBy = [...this.record.refusedBy, peer]
    this.book.update({ refusedBy })
    if (this.attempt.isAtHome) return this.book.finish('failed', { reason, error: `refused here: ${detail}` })
    const why = `${nodeId} refused: ${detail}`
    if (refusedBy.length < PLACEMENTS_MAX && this.record.on === undefined) return this.place({ detail: why })
    this.fallback.begin(reason, why)
  }

  private onStarted(): void {
    this.attempt.started()
    if (this.record.state === 'offered') this.book.enter('running', {})
    if (this.attempt.isWanted) this.fallback.resume('running')
    else this.attempt.sendCancel()
  }

  private onRenew(message: Extract<TaskMessage, { type: 'remote_task_renew' }>): void {
    if (!this.attempt.isWanted) return this.attempt.sendCancel()
    this.fallback.resume(this.attempt.current.started ? 'running' : 'offered')
    this.attempt.renew(message)
  }

  private onResult(from: PeerId, result: Result): void {
    const { outcome } = result
    const { cancelRequested } = this.record
    // What was cancelled as stale says nothing about the task.
    const isFinal = isAboutTheTask(outcome.cause) && (outcome.cause !== 'cancelled' || cancelRequested)
    if (!isFinal && !this.attempt.mayExecute) return this.refuseStale(from, result)
    if (result.starts > 0) this.attempt.started()
    if (result.starts > 0 && this.record.state === 'offered') this.book.enter('running', {})
    this.attempt.printed(outcome.outputBytes)
    if (outcome.quiet) this.attempt.over()
    if (isFinal) this.complete(outcome)
    else if (cancelRequested && outcome.quiet) this.book.cancelled()
    else if (this.attempt.isAtHome) this.endedAtHome(outcome)
    else if (outcome.cause === 'submitter-lost' && outcome.quiet && this.wasRestarted)
      this.book.finish('failed', { reason: 'submitter_restarted', error: this.hadToStop(outcome) })
    else this.fallback.begin(reasonOfEnd(outcome.cause), this.hadToStop(outcome))
    this.attempt.acknowledge(result)
  }

  private hadToStop({ cause, error = cause }: Outcome): string {
    return `${this.attempt.current.nodeId} had to stop: ${error}`
  }

  private complete(outcome: Outcome): void {
    this.book.update({ outcome })
    const { cause, error, exitCode } = outcome
    if (cause === 'cancelled') return this.book.cancelled()
    if (cause === 'timeout') return this.book.finish('failed', { reason: 'timed_out', error })
    if (cause === 'spawn-failed') return this.book.finish('failed', { reason: 'cannot_start', error })
    this.book.finish(exitCode === 0 ? 'completed' : 'failed', {})
  }

  /** What ended with its node, or had to leave it, is not the end of a detached task. */
  private endedAtHome(outcome: Outcome): void {
    const { attached, attempts } = this.record
    const detail = this.hadToStop(outcome)
    // Also when it was cancelled: nobody is told an end while something may execute.
    if (!outcome.quiet) return this.fallback.begin('local_execution_ended', detail)
    // A lease that was renewed too late, or a guardian that was killed, says nothing about the task, nor about who waits for it.
    const isAccident = outcome.cause === 'lease-lost' || outcome.cause === 'guardian-lost'
    if (attached && isAccident && attempts < LIMITS.taskAttemptsMax)
      return this.fallback.begin('local_execution_ended', detail)
    if (!attached && attempts < LIMITS.taskAttemptsMax) return this.place({ detail })
    const reason = outcome.cause === 'worker-restarted' ? 'submitter_restarted' : 'local_execution_ended'
    this.book.finish('failed', { reason, error: detail })
  }

  // When the worker is lost

  private onPeerConnected(peer: PeerId): void {
    if (this.attempt.value?.peer === peer && this.attempt.mayExecute) this.attempt.repeat()
  }

  private onPeerLost(peer: PeerId): void {
    const { attempt, state } = this.record
    if (attempt?.peer !== peer || (state !== 'offered' && state !== 'running')) return
    this.fallback.begin('worker_lost', `${attempt.nodeId} was lost`)
  }

  // Cancel, restart, end

  private onCancel(): void {
    if (this.record.cancelRequested) return
    this.book.update({ cancelRequested: true })
    this.book.ran('cancel_requested')
    this.book.do({ type: 'cancelling' })
    if (!this.attempt.mayExecute) return this.book.cancelled()
    const { nodeId } = this.attempt.current
    this.book.mustWrite()
    this.book.note({
      reason: 'cancelled_by_user',
      detail: `waiting for ${nodeId} to end it, or for its lease to end`,
    })
    this.attempt.awaitSpan()
    this.attempt.sendCancel()
  }

  private onRecovered(outputEnd: number): void {
    const { state } = this.record
    this.wasRestarted = true
    this.attempt.recover(outputEnd)
    const why = { reason: 'submitter_restarted', detail: 'its submitting node was restarted' } as const
    if (state === 'offered' || state === 'running') {
      this.book.note(why)
      this.attempt.reach()
    } else if (state === 'fallback') {
      this.book.note(why)
      this.fallback.goOn()
    } else {
      this.attempt.over()
      this.place({ detail: why.detail, patient: true })
    }
  }

  /** An ended task: late messages get their acknowledgement, late leases go back. */
  private afterEnd(event: SubmitterEvent): void {
    if (event.type === 'lease-granted') this.book.do({ type: 'take-back-lease', leaseId: event.leaseId })
    if (event.type === 'message') this.refuseStale(event.from, event.message)
  }

  /** Fencing: a message of another attempt, or after the end, changes nothing but a count. */
  private refuseStale(to: PeerId, message: TaskMessage): void {
    if (message.type === 'remote_task_result') {
      this.book.update({ refusedResults: this.record.refusedResults + 1 })
      this.book.mustWrite()
      this.book.do({ type: 'send', to, message: resultAckMessage(message) })
    } else if (
      message.type === 'remote_task_started' ||
      message.type === 'remote_task_renew' ||
      message.type === 'remote_task_output'
    ) {
      const cancel = cancelMessage(this.record, message.exec_lease_id, 'stale_lease')
      this.book.do({ type: 'send', to, message: cancel })
    }
  }
}

/** Why the attempt of another node is over. */
function reasonOfEnd(cause: EndCause): Reason {
  if (cause === 'quarantined') return 'quarantined'
  return cause === 'drain-deadline' ? 'drain_deadline' : 'worker_lost'
}
