/**
 * The life of a task at its submitter.
 *
 *     queued → placing → leasing → offered → running → completed | failed | cancelled
 *                 ↑         ↑         │         │
 *                 └─────────┼─ refused┘         │ worker lost, or it had to stop for the mesh's sake
 *                           └──── fallback ←────┘
 *
 * One *attempt* is one lease for one worker. A fallback asks for a lease for this node; the authority refuses until the old
 * one has ended, and that waiting *is* the timing argument: whoever executed before is quiet by then. A result counts
 * only while its attempt is the newest (fencing); the first one that counts is final, everything later is
 * acknowledged, counted and otherwise ignored.
 *
 * Pure: an event goes in, effects come out, in the order in which they must be carried out. `journal` must be on disk before
 * the effects after it happen.
 */
import {
  type LeaseId,
  type NodeId,
  type PeerId,
  present,
  type Reason,
  type TaskId,
  type UnixMs,
  unreachable,
} from '../base/index.ts'
import { type EndCause, isAboutTheTask, type Outcome, type TaskMessage } from './messages.ts'
import type { SubmitterEffect, SubmitterEvent } from './submitter-events.ts'
import { cancelMessage, envelopeMessage, outputAckMessage, resultAckMessage } from './submitter-messages.ts'
import { type Attempt, isFinal, newAttempt, type TaskRecord, type TaskState } from './task-record.ts'

/** After so many refusals by workers the task runs at home. */
const PLACEMENTS_MAX = 3

export class SubmittedTask {
  private current: TaskRecord
  private readonly self: { readonly peer: PeerId; readonly nodeId: NodeId }
  private effects: SubmitterEffect[] = []
  private now: UnixMs = 0 as UnixMs

  constructor(self: { peer: PeerId; nodeId: NodeId }, record: TaskRecord) {
    this.self = self
    this.current = record
  }

  get record(): TaskRecord {
    return this.current
  }

  get taskId(): TaskId {
    return this.current.taskId
  }

  handle(event: SubmitterEvent, now: UnixMs): readonly SubmitterEffect[] {
    this.effects = []
    this.now = now
    if (isFinal(this.current.state)) this.afterEnd(event)
    else this.dispatch(event)
    return this.effects
  }

  private dispatch(event: SubmitterEvent): void {
    switch (event.type) {
      case 'submitted':
        return this.placeAgain('queued')
      case 'placed':
        return this.onPlaced(event.peer, event.nodeId, event.reason)
      case 'unplaceable':
        return this.finish('failed', { reason: event.reason, error: event.detail })
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
      case 'peer-lost':
        return this.onPeerLost(event.peer)
      case 'cancel-requested':
        return this.onCancel()
      case 'recovered':
        return this.onRecovered()
      default:
        return unreachable(event)
    }
  }

  private placeAgain(from: TaskState): void {
    if (from === 'queued') this.change('queued', {})
    this.change('placing', {})
    this.effects.push({ type: 'place', exclude: this.current.refusedBy })
  }

  private onPlaced(peer: PeerId, nodeId: NodeId, reason: Reason): void {
    if (this.current.state !== 'placing') return
    this.current = { ...this.current, attempt: newAttempt(peer, nodeId) }
    this.change('leasing', { reason })
    this.effects.push({ type: 'request-lease', holder: peer, again: false })
  }

  private onLease(leaseId: LeaseId, ttlMs: number): void {
    const { attempt, state } = this.current
    if ((state !== 'leasing' && state !== 'fallback') || attempt === undefined) return
    const next = state === 'fallback' ? newAttempt(this.self.peer, this.self.nodeId) : attempt
    this.current = { ...this.current, attempt: { ...next, leaseId, ttlMs } }
    const remote = next.peer !== this.self.peer
    this.change('offered', remote ? { reason: 'populi_remote_lease_hold' } : {})
    this.offer()
  }

  /** Nobody was ever offered this task: it may run here without a lease. Otherwise it has to wait, and says so. */
  private onLeaseUnavailable(detail: string): void {
    const { state } = this.current
    if (state === 'leasing') {
      this.current = { ...this.current, attempt: newAttempt(this.self.peer, this.self.nodeId) }
      this.change('offered', { reason: 'lease_unavailable', detail })
      this.offer()
    } else if (state === 'fallback') {
      this.noteWaiting('lease_unavailable', `waiting for the lease authority: ${detail}`)
      this.effects.push({ type: 'request-lease', holder: this.self.peer, again: true })
    }
  }

  private onLeaseHeld(): void {
    const { state, attempt } = this.current
    if (state !== 'fallback' && state !== 'leasing') return
    if (state === 'leasing') {
      this.change('fallback', { reason: 'lease_unavailable', detail: 'the task is leased already' })
    } else {
      this.noteWaiting(
        this.current.reason ?? 'worker_lost',
        `waiting for lease ${attempt?.leaseId ?? ''} to end`,
      )
    }
    this.effects.push({ type: 'request-lease', holder: this.self.peer, again: true })
  }

  private offer(): void {
    const attempt = present(this.current.attempt, 'attempt of an offered task')
    this.effects.push({
      type: 'send',
      to: attempt.peer,
      message: envelopeMessage(this.current, attempt),
    })
  }

  private onMessage(from: PeerId, message: TaskMessage): void {
    const { attempt } = this.current
    const ofThisAttempt =
      attempt !== undefined && attempt.peer === from && attempt.leaseId === message.exec_lease_id
    if (!ofThisAttempt) return this.refuseStale(from, message)
    switch (message.type) {
      case 'remote_task_ack':
        return message.accepted ? undefined : this.onRefused(message.detail ?? 'offer_refused')
      case 'remote_task_started':
        return this.onStarted(attempt)
      case 'remote_task_output':
        return this.onOutput(from, attempt, message)
      case 'remote_task_result':
        return this.onResult(from, message.outcome, message.starts, message)
      case 'remote_task_renew':
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

  private onStarted(attempt: Attempt): void {
    if (attempt.started) return
    this.current = {
      ...this.current,
      attempt: { ...attempt, started: true },
      starts: this.current.starts + 1,
    }
    if (this.current.state === 'offered') this.change('running', {})
    else this.effects.push({ type: 'journal' })
  }

  /** A repetition after a reconnect is skipped; a gap cannot be filled any more and is skipped over. */
  private onOutput(
    from: PeerId,
    attempt: Attempt,
    message: Extract<TaskMessage, { type: 'remote_task_output' }>,
  ): void {
    const end = message.offset + message.chunk.length
    const skip = Math.max(0, Math.min(message.chunk.length, attempt.outputBytes - message.offset))
    const bytes = Math.max(end, attempt.outputBytes)
    this.current = { ...this.current, attempt: { ...attempt, outputBytes: bytes } }
    this.effects.push({
      type: 'output',
      stream: message.stream,
      chunk: message.chunk.subarray(skip),
      from,
      acknowledgement: outputAckMessage(message, bytes),
    })
  }

  private onRefused(detail: string): void {
    if (this.current.state !== 'offered') return
    const attempt = present(this.current.attempt, 'attempt of an offered task')
    if (attempt.leaseId !== undefined)
      this.effects.push({ type: 'take-back-lease', leaseId: attempt.leaseId })
    if (this.current.cancelRequested) return this.finish('cancelled', { reason: 'cancelled_by_user' })
    this.tryWithout(attempt, 'offer_refused', detail)
  }

  /** Nothing was offered under this attempt. A task that waits for its lease here has nowhere else to go. */
  private onHolderBarred(reason: Reason, detail: string): void {
    const { attempt, state } = this.current
    if (state === 'leasing' && attempt !== undefined) return this.tryWithout(attempt, reason, detail)
    if (state === 'fallback') this.finish('failed', { reason, error: detail })
  }

  private tryWithout({ peer, nodeId }: Attempt, reason: Reason, detail: string): void {
    const refusedBy = [...this.current.refusedBy, peer]
    this.current = { ...this.current, refusedBy }
    if (peer === this.self.peer) return this.finish('failed', { reason, error: `refused here: ${detail}` })
    if (refusedBy.length < PLACEMENTS_MAX && this.current.on === undefined) return this.placeAgain('offered')
    this.fallBack(reason, `${nodeId} refused: ${detail}`)
  }

  private onResult(from: PeerId, outcome: Outcome, starts: number, message: TaskMessage): void {
    const attempt = present(this.current.attempt, 'attempt of a task with a result')
    if (starts > 0 && !attempt.started) this.onStarted(attempt)
    const acknowledge: SubmitterEffect = { type: 'send', to: from, message: resultAckMessage(message) }
    if (isAboutTheTask(outcome.cause)) {
      this.complete(outcome)
    } else if (this.current.cancelRequested) {
      this.finish('cancelled', { reason: 'cancelled_by_user' })
    } else if (from === this.self.peer) {
      this.finish('failed', { reason: 'local_execution_ended', error: outcome.error ?? outcome.cause })
    } else {
      const detail = `${attempt.nodeId} had to stop: ${outcome.error ?? outcome.cause}`
      this.fallBack(reasonOfEnd(outcome.cause), detail)
    }
    this.effects.push(acknowledge)
  }

  private complete(outcome: Outcome): void {
    this.current = { ...this.current, outcome }
    if (outcome.cause === 'cancelled') return this.finish('cancelled', { reason: 'cancelled_by_user' })
    if (outcome.cause === 'timeout')
      return this.finish('failed', { reason: 'timed_out', error: outcome.error })
    if (outcome.cause === 'spawn-failed')
      return this.finish('failed', { reason: 'cannot_start', error: outcome.error })
    this.finish(outcome.exitCode === 0 ? 'completed' : 'failed', {})
  }

  private onPeerLost(peer: PeerId): void {
    const { attempt, state } = this.current
    if (attempt?.peer !== peer || (state !== 'offered' && state !== 'running')) return
    if (this.current.cancelRequested) {
      return this.finish('cancelled', {
        reason: 'worker_lost',
        error: `${attempt.nodeId} was lost: its lease ends what runs there`,
      })
    }
    this.fallBack('worker_lost', `${attempt.nodeId} was lost`)
  }

  private onLeaseExpired(leaseId: LeaseId): void {
    const { attempt, state } = this.current
    if (attempt?.leaseId !== leaseId || (state !== 'offered' && state !== 'running')) return
    if (this.current.cancelRequested) {
      return this.finish('cancelled', {
        reason: 'lease_expired',
        error: `${attempt.nodeId} did not answer; its lease has ended`,
      })
    }
    this.fallBack('lease_expired', `the lease of ${attempt.nodeId} has ended`)
  }

  /** To local execution, as soon as nobody else can hold the key any more. */
  private fallBack(reason: Reason, detail: string): void {
    if (this.current.state === 'fallback') return this.change('fallback', { reason, detail })
    const leaseId = this.current.attempt?.leaseId
    this.change('fallback', { reason, detail })
    // Works only while the worker has not confirmed it; then nobody has to wait.
    if (leaseId !== undefined) this.effects.push({ type: 'take-back-lease', leaseId })
    this.effects.push({ type: 'request-lease', holder: this.self.peer, again: false })
  }

  private onCancel(): void {
    if (this.current.cancelRequested) return
    this.current = { ...this.current, cancelRequested: true }
    const { attempt, state } = this.current
    if ((state === 'offered' || state === 'running') && attempt !== undefined) {
      this.effects.push({ type: 'journal' })
      this.effects.push({
        type: 'send',
        to: attempt.peer,
        message: cancelMessage(this.current, attempt.leaseId, 'cancelled_by_user'),
      })
      return
    }
    this.finish('cancelled', { reason: 'cancelled_by_user' })
  }

  private onRecovered(): void {
    this.finish('failed', {
      reason: 'submitter_restarted',
      error: 'the submitting node was restarted while the task was unfinished',
    })
  }

  /** An ended task: late messages get their acknowledgement, late leases go back. */
  private afterEnd(event: SubmitterEvent): void {
    if (event.type === 'lease-granted') this.effects.push({ type: 'take-back-lease', leaseId: event.leaseId })
    if (event.type === 'message') this.refuseStale(event.from, event.message)
  }

  /** Fencing: a message of another attempt, or after the end, changes nothing but a count. */
  private refuseStale(from: PeerId, message: TaskMessage): void {
    if (message.type === 'remote_task_result') {
      this.current = { ...this.current, refusedResults: this.current.refusedResults + 1 }
      this.effects.push({ type: 'journal' }, { type: 'send', to: from, message: resultAckMessage(message) })
    } else if (message.type === 'remote_task_started' || message.type === 'remote_task_output') {
      this.effects.push({
        type: 'send',
        to: from,
        message: cancelMessage(this.current, message.exec_lease_id, 'stale_lease'),
      })
    }
  }

  private finish(
    state: 'completed' | 'failed' | 'cancelled',
    why: { reason?: Reason; error?: string | undefined },
  ): void {
    this.current = {
      ...this.current,
      endedUnixMs: this.now,
      finalResults: this.current.finalResults + 1,
      error: why.error,
    }
    this.change(state, { ...(why.reason === undefined ? {} : { reason: why.reason }), detail: why.error })
    this.effects.push({ type: 'ended' })
  }

  private change(state: TaskState, why: { reason?: Reason; detail?: string | undefined }): void {
    const { attempt } = this.current
    const reason = why.reason ?? this.current.reason
    const change = {
      atUnixMs: this.now,
      state,
      node: state === 'queued' || state === 'placing' ? undefined : attempt?.nodeId,
      leaseId: attempt?.leaseId,
      reason,
      detail: why.detail,
    }
    this.current = { ...this.current, state, reason, history: [...this.current.history, change] }
    this.effects.push({ type: 'journal' }, { type: 'changed', change })
  }

  /** Said once, not at every try. */
  private noteWaiting(reason: Reason, detail: string): void {
    const last = this.current.history.at(-1)
    if (last?.state === 'fallback' && last.detail === detail) return
    this.change('fallback', { reason, detail })
  }
}

/** Why the attempt of another node is over. */
function reasonOfEnd(cause: EndCause): Reason {
  if (cause === 'quarantined') return 'quarantined'
  return cause === 'drain-deadline' ? 'drain_deadline' : 'worker_lost'
}
