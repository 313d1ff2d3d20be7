/**
 * The holder's half of the timing argument (design §7).
 *
 * `s` is when the request that succeeded was *sent*; the holder must be quiet by `s + T·(1−ρ)`. Counting from the sending
 * is what makes the argument hold: the authority cannot have applied the request earlier. The end of
 * the span is planned backwards, so that the work has time to stop:
 *
 *     s ─── renew at T/3 ─── 2T/3 ─── … ── termAt ── grace ── killAt ── proof ── quietBy
 *
 * Every successful renewal moves the whole plan; a refused one ends the lease at once, and so does a revocation. The end
 * is final: an answer that comes after it, sent before a suspension or held up by the network, revives nothing that is
 * being stopped.
 *
 * Time that the machine was suspended counts, for the clock is the boot clock; what was suspended with the machine
 * executed nothing in that time. Between waking up and the first look at the clock something may run on for a moment:
 * what it writes elsewhere is fenced by the token, which is older than the next holder's.
 */
import { type BootMs, bootMs, type LeaseId } from '../base/index.ts'

export interface StopBudget {
  /** Between TERM and KILL: what a process gets to end by itself. */
  readonly graceMs: number
  /** Between KILL and the proof that nothing of it runs. */
  readonly proofMs: number
}

interface LeasePlan {
  /** Send a renewal at or after this time. */
  readonly renewAt: BootMs
  readonly termAt: BootMs
  readonly killAt: BootMs
  readonly quietBy: BootMs
}

/** Part of the TTL after which the holder renews: two more tries fit in before the end. */
const RENEW_PART = 1 / 3

/**
 * The plan for a lease whose last successful request was sent at `sentAt`.
 *
 * With a TTL too short for the whole budget the grace gives way first: TERM comes no earlier than the first
 * renewal is due, KILL never later than `quietBy − proofMs`.
 */
export function planLease(sentAt: BootMs, ttlMs: number, driftRatio: number, budget: StopBudget): LeasePlan {
  const quietBy = sentAt + ttlMs * (1 - driftRatio)
  const killAt = quietBy - budget.proofMs
  const renewAt = sentAt + ttlMs * RENEW_PART
  const termAt = Math.min(Math.max(killAt - budget.graceMs, renewAt), killAt)
  return {
    renewAt: bootMs(renewAt),
    termAt: bootMs(termAt),
    killAt: bootMs(killAt),
    quietBy: bootMs(quietBy),
  }
}

type HeldLeaseAction = 'none' | 'renew' | 'lost' | 'revoked'

/** One lease from its confirmation to its end, at the holder. */
export class HeldLease {
  readonly leaseId: LeaseId
  private readonly ttlMs: number
  private readonly driftRatio: number
  private readonly budget: StopBudget
  private current: LeasePlan
  private nextAttemptAt: BootMs
  private end: 'lost' | 'revoked' | undefined

  constructor(init: {
    leaseId: LeaseId
    ttlMs: number
    sentAt: BootMs
    driftRatio: number
    budget: StopBudget
  }) {
    this.leaseId = init.leaseId
    this.ttlMs = init.ttlMs
    this.driftRatio = init.driftRatio
    this.budget = init.budget
    this.current = planLease(init.sentAt, init.ttlMs, init.driftRatio, init.budget)
    this.nextAttemptAt = this.current.renewAt
  }

  get plan(): LeasePlan {
    return this.current
  }

  /** When `tick` may have something to say: nobody need ask before. */
  get dueAt(): BootMs {
    if (this.end !== undefined) return bootMs(0)
    return bootMs(Math.min(this.nextAttemptAt, this.current.termAt))
  }

  /** A renewal that was sent at `sentAt` succeeded. An answer that comes out of order never shortens the plan. */
  renewed(sentAt: BootMs): void {
    if (this.end !== undefined) return
    const plan = planLease(sentAt, this.ttlMs, this.driftRatio, this.budget)
    if (plan.quietBy <= this.current.quietBy) return
    this.current = plan
    this.nextAttemptAt = plan.renewAt
  }

  /** The authority does not know this lease as ours any more. */
  refused(): void {
    this.end ??= 'lost'
  }

  /**
   * The lease was taken back: the work stops now, with its usual grace as far as the span has room for it. The holder
   * releases the lease when it is quiet, so that the key need not cool for the rest of the span.
   */
  revoked(now: BootMs): void {
    if (this.end !== undefined) return
    this.end = 'revoked'
    const { termAt, killAt, quietBy } = this.current
    const killBy = Math.min(killAt, now + this.budget.graceMs)
    this.current = {
      renewAt: this.current.renewAt,
      termAt: bootMs(Math.min(termAt, now)),
      killAt: bootMs(killBy),
      quietBy: bootMs(Math.min(quietBy, killBy + this.budget.proofMs)),
    }
  }

  /**
   * What to do now: `renew` (send one; asked again after a twelfth of the TTL while no answer came), `lost` (stop the
   * work: the lease was refused, or TERM is due by the plan), `revoked` (stop it: the lease was taken back).
   */
  tick(now: BootMs): HeldLeaseAction {
    if (now >= this.current.termAt) this.end ??= 'lost'
    if (this.end !== undefined) return this.end
    if (now < this.nextAttemptAt) return 'none'
    this.nextAttemptAt = bootMs(now + this.ttlMs / 12)
    return 'renew'
  }
}
