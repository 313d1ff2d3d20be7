/**
 * The state `fallback` of a submitted task: its attempt is given up, and what comes next waits until nobody can execute it any more.
 * That waiting *is* the timing argument, and it is the same for all that can come next: running at home, failing where the
 * policy says so, ending because it was cancelled.
 *
 * Three things end the wait: a lease for this node (the authority refuses it until the old one has ended), the worker's or the
 * authority's word that it is over, and, of an attached task, the end of the span that this node gave its worker. The last one
 * also without the authority; a detached task never runs here without a lease (ADR 0013).
 */
import { type LeaseId, LIMITS, type NodeId, type PeerId, type Reason } from '../base/index.ts'
import type { NewestAttempt } from './newest-attempt.ts'
import type { RecordKeeper, Why } from './record-keeper.ts'

export class FallbackWait {
  private readonly book: RecordKeeper
  private readonly attempt: NewestAttempt
  private readonly home: { readonly peer: PeerId; readonly nodeId: NodeId }
  /** As the last answer to a request for a lease was. */
  private isAuthorityAway = false

  constructor(book: RecordKeeper, attempt: NewestAttempt, home: FallbackWait['home']) {
    this.book = book
    this.attempt = attempt
    this.home = home
  }

  get isOn(): boolean {
    return this.book.record.state === 'fallback'
  }

  /** The attempt is given up, or there is one more reason for that. */
  begin(reason: Reason, detail: string): void {
    const wasOn = this.isOn
    this.attempt.giveUp()
    this.book.update({ error: detail })
    this.book.enter('fallback', { reason, detail })
    if (!this.attempt.mayExecute && this.endsHere()) return
    if (wasOn) return
    this.isAuthorityAway = false
    const { leaseId } = this.attempt.current
    // Works only while the worker has not confirmed it; then nobody has to wait.
    if (leaseId !== undefined && this.attempt.mayExecute) this.book.do({ type: 'take-back-lease', leaseId })
    this.goOn()
  }

  /** Also after a restart. */
  goOn(): void {
    this.attempt.awaitSpan()
    this.requestLease(false)
  }

  /** The worker is back before anybody else could have the task. */
  resume(state: 'offered' | 'running'): void {
    if (!this.isOn) return
    this.book.update({ error: undefined })
    const detail = `${this.attempt.current.nodeId} is back`
    this.book.enter(state, { reason: 'populi_remote_lease_hold', detail })
  }

  leaseGranted(leaseId: LeaseId, ttlMs: number): void {
    this.attempt.over()
    if (this.endsHere()) return this.book.do({ type: 'take-back-lease', leaseId })
    this.attempt.begin(this.home.peer, this.home.nodeId)
    this.attempt.leased(leaseId, ttlMs)
    this.attempt.offer({})
  }

  authorityAway(detail: string): void {
    this.isAuthorityAway = true
    if (this.book.record.attached && this.attempt.isQuiet) return this.runWithoutLease(detail)
    this.book.say('authority', { reason: 'lease_unavailable', detail: `waiting for it: ${detail}` })
    this.requestLease(true)
  }

  leaseHeld(): void {
    this.isAuthorityAway = false
    const { leaseId = 'of an earlier request' } = this.attempt.current
    this.book.say('lease', { detail: `waiting for lease ${leaseId} to end` })
    this.requestLease(true)
  }

  /** The task has nowhere else to go: it fails, as soon as nobody executes it. */
  barred(why: Why): void {
    this.isAuthorityAway = false
    if (this.attempt.isQuiet) return this.book.finish('failed', { reason: why.reason, error: why.detail })
    this.book.say('order', why)
    this.requestLease(true)
  }

  /** Whoever waits for a lease asks again at once: the driver was told, too. */
  leaseExpired(): void {
    this.attempt.over()
    this.endsHere()
  }

  /** Also before the attempt was given up: who cancels an attached task answers its worker no more. */
  spanOver(): void {
    const isAwaited = this.isOn || this.book.record.cancelRequested
    if (!isAwaited || !this.attempt.isQuiet) return
    this.attempt.over()
    if (this.endsHere()) return
    // As long as the authority answers, its lease decides.
    if (this.isAuthorityAway) this.runWithoutLease('it does not answer')
  }

  private runWithoutLease(detail: string): void {
    this.attempt.over()
    if (this.endsHere()) return
    this.attempt.begin(this.home.peer, this.home.nodeId)
    this.attempt.offer({ detail: `without a lease, for nobody else can execute it: ${detail}` })
  }

  /** Nobody executes it: if it is not to run here, that is its end. */
  private endsHere(): boolean {
    const { cancelRequested, fallback, attempts, reason, error } = this.book.record
    if (cancelRequested) {
      this.book.cancelled(`${error ?? 'its worker did not answer'}; nothing of it can run any more`)
      return true
    }
    if (this.book.endsAtDeadline()) return true
    if (fallback === 'local' && attempts < LIMITS.taskAttemptsMax) return false
    this.book.finish('failed', { reason, error })
    return true
  }

  private requestLease(again: boolean): void {
    this.book.do({ type: 'request-lease', holder: this.home.peer, again })
  }
}
