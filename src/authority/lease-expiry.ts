/**
 * The leader's half of the timing argument (design §7): a lease may be expired only when its holder is quiet for sure.
 *
 * The holder counts `T·(1−ρ)` from when it *sent* its request, the leader counts `T·(1+ρ)` from when it *applied* it,
 * which is later in real time whatever the network does. Let each clock's rate be within ρ of real time. Then the
 * holder's span ends by `sent + T·(1−ρ)/(1−ρ) = sent + T`, and the leader's not before `applied + T·(1+ρ)/(1+ρ) =
 * applied + T`. Both clocks count suspended time; a leader whose clock did not would only expire later. A new leader does
 * not know when its predecessor applied, so it restarts the full span for every live lease once an entry of its own term
 * has committed: every renewal that was answered before lies before that entry in its log.
 *
 * Never a storm: one proposal of at most `LIMITS.expireBatchMax` leases is under way at a time, however many are due and
 * however long the commit takes. A proposal in a leader's own log is lost only with the leadership, which ends everything
 * here; so there is no time after which it would be made again. It may be applied wrongly never (`expireLeases` checks
 * term and renewals).
 */
import { type BootMs, bootMs, type LeaseId, LIMITS } from '../base/index.ts'
import { type Deadline, DeadlineHeap } from './deadline-heap.ts'
import type { Lease } from './rows.ts'

/** Pause after a proposal that was not accepted: the leader is overloaded, and expiry can wait. */
const RETRY_AFTER_MS = 500

interface Span extends Deadline {
  readonly leaseId: LeaseId
  renewals: number
}

type ExpiryBatch = readonly { readonly leaseId: LeaseId; readonly renewals: number }[]

const NOTHING: ExpiryBatch = []

/** How long after its last grant or renewal a lease may be expired: `T·(1+ρ)`. */
export function expirySpanMs(ttlMs: number, driftRatio: number): number {
  return ttlMs * (1 + driftRatio)
}

export class LeaseExpiry {
  private readonly driftRatio: number
  private readonly spans = new Map<LeaseId, Span>()
  private deadlines = new DeadlineHeap<Span>()
  private leading = false
  private underWay: ExpiryBatch | undefined
  private notBefore = Number.NEGATIVE_INFINITY

  /** @param driftRatio ρ: by how much a machine's clock rate may differ from real time, e.g. 0.01. */
  constructor(driftRatio: number) {
    this.driftRatio = driftRatio
  }

  /** This node leads and an entry of its term has committed: every live lease gets a full span from now. */
  begin(live: readonly Lease[], now: BootMs): void {
    this.end()
    this.leading = true
    for (const lease of live) this.start(lease, now)
  }

  /** This node does not lead any more: it expires nothing. */
  end(): void {
    this.leading = false
    this.spans.clear()
    this.deadlines = new DeadlineHeap()
    this.underWay = undefined
    this.notBefore = Number.NEGATIVE_INFINITY
  }

  /** A grant or renewal was applied. */
  start({ leaseId, renewals, ttlMs }: Lease, now: BootMs): void {
    if (!this.leading) return
    const deadline = bootMs(now + expirySpanMs(ttlMs, this.driftRatio))
    const span = this.spans.get(leaseId)
    if (span === undefined) {
      const fresh: Span = { leaseId, renewals, deadline, place: 0 }
      this.spans.set(leaseId, fresh)
      this.deadlines.add(fresh)
    } else {
      span.renewals = renewals
      span.deadline = deadline
      this.deadlines.moved(span)
    }
  }

  /** No lease is waited for. */
  get isIdle(): boolean {
    return this.spans.size === 0
  }

  /** The lease has ended. */
  forget(leaseId: LeaseId): void {
    const span = this.spans.get(leaseId)
    if (span === undefined) return
    this.spans.delete(leaseId)
    this.deadlines.remove(span)
  }

  /**
   * The leases to propose for expiry now, or none: also while a proposal is under way. What is returned is under way until
   * `settled` is called with it. Costs nothing while nothing is due, whatever is live.
   */
  due(now: BootMs): ExpiryBatch {
    if (this.underWay !== undefined || now < this.notBefore) return NOTHING
    const spans = this.deadlines.due(now, LIMITS.expireBatchMax)
    if (spans.length === 0) return NOTHING
    this.underWay = spans.map(({ leaseId, renewals }) => ({ leaseId, renewals }))
    return this.underWay
  }

  /**
   * The proposal of `batch` was applied, or was not accepted: the next one may follow, at once or after a pause. A
   * proposal of an earlier leadership is told apart and changes nothing.
   */
  settled(batch: ExpiryBatch, outcome: 'applied' | 'failed', now: BootMs): void {
    if (batch !== this.underWay) return
    this.underWay = undefined
    if (outcome === 'failed') this.notBefore = now + RETRY_AFTER_MS
  }
}
