/**
 * The leader's half of the timing argument (design §7): a lease may be expired only when its holder is quiet for sure.
 *
 * The holder counts `T·(1−ρ)` from when it *sent* its request, the leader counts `T·(1+ρ)` from when it *applied* it,
 * which is later in real time whatever the network does. With clock rates that differ by less than ρ the
 * leader's span ends after the holder's. A new leader does not know when its predecessor applied, so it restarts the full
 * span for every live lease once an entry of its own term has committed.
 *
 * A deadline that has passed is proposed once per `REPROPOSE_AFTER_MS`: the proposal may be lost with the leadership,
 * never wrongly applied (`expireLeases` checks term and renewals).
 */
import { type BootMs, bootMs, type LeaseId, LIMITS } from '../base/index.ts'
import type { Lease } from './tables.ts'

/** Time for a proposal to commit before it is taken for lost; any value is safe. */
const REPROPOSE_AFTER_MS = 2000

interface Span {
  readonly leaseId: LeaseId
  readonly renewals: number
  deadline: BootMs
}

export class LeaseExpiry {
  private readonly driftRatio: number
  private spans: Map<LeaseId, Span> | undefined
  /** No span ends before this: most ticks look at nothing else. */
  private earliest = Number.POSITIVE_INFINITY

  /** @param driftRatio ρ: by how much two machines' clock rates may differ, e.g. 0.01. */
  constructor(driftRatio: number) {
    this.driftRatio = driftRatio
  }

  /** This node leads and an entry of its term has committed: every live lease gets a full span from now. */
  begin(live: readonly Lease[], now: BootMs): void {
    this.spans = new Map()
    this.earliest = Number.POSITIVE_INFINITY
    for (const lease of live) this.start(lease, now)
  }

  /** This node does not lead any more: it expires nothing. */
  end(): void {
    this.spans = undefined
    this.earliest = Number.POSITIVE_INFINITY
  }

  /** A grant or renewal was applied. */
  start(lease: Lease, now: BootMs): void {
    if (this.spans === undefined) return
    const deadline = bootMs(now + lease.ttlMs * (1 + this.driftRatio))
    this.spans.set(lease.leaseId, { leaseId: lease.leaseId, renewals: lease.renewals, deadline })
    this.earliest = Math.min(this.earliest, deadline)
  }

  /** The lease has ended. */
  forget(leaseId: LeaseId): void {
    this.spans?.delete(leaseId)
  }

  /** The leases to propose for expiry now: at most `LIMITS.expireBatchMax`, the rest at the next tick. */
  due(now: BootMs): readonly { leaseId: LeaseId; renewals: number }[] {
    if (this.spans === undefined || now < this.earliest) return []
    const due: { leaseId: LeaseId; renewals: number }[] = []
    this.earliest = Number.POSITIVE_INFINITY
    for (const span of this.spans.values()) {
      if (span.deadline <= now && due.length < LIMITS.expireBatchMax) {
        due.push({ leaseId: span.leaseId, renewals: span.renewals })
        span.deadline = bootMs(now + REPROPOSE_AFTER_MS)
      }
      this.earliest = Math.min(this.earliest, span.deadline)
    }
    return due
  }
}
