/** What ends an attempt besides its leases and its submitter: the deadline of its task, and admin orders (ADR 0011). */
import { type BootMs, bootMs, type Clock } from '../base/index.ts'
import { isDrainOver, type Standing } from '../membership/index.ts'
import type { OfferRecord, StopCause } from '../task/index.ts'

const NEVER = bootMs(Number.MAX_SAFE_INTEGER)
/** A wall clock that was set is noticed by then. */
const WALL_CLOCK_LOOK_MS = 60_000

type OrderedEnd = 'drain-deadline' | 'quarantined'

export class AttemptWatch {
  private readonly clock: Clock
  private readonly standing: () => Standing
  /** When to look at the wall clock. */
  private lookAt: BootMs

  constructor(clock: Clock, standing: () => Standing, { deadlineUnixMs }: OfferRecord) {
    this.clock = clock
    this.standing = standing
    this.lookAt = deadlineUnixMs === undefined ? NEVER : bootMs(0)
  }

  /** `tick` has nothing to say before, unless an order came in. */
  get dueAt(): BootMs {
    return this.lookAt
  }

  /** Whether a lease may be kept: the node is neither quarantined nor retired. */
  get mayRenew(): boolean {
    return mayRenew(this.standing())
  }

  /** How the loss of a lease is called now. */
  get leaseLost(): 'lease-lost' | 'quarantined' {
    return this.mayRenew ? 'lease-lost' : 'quarantined'
  }

  /** Why nothing may start now. */
  get barredBy(): OrderedEnd | undefined {
    if (isDrainOver(this.standing(), this.clock.wall())) return 'drain-deadline'
    return this.mayRenew ? undefined : 'quarantined'
  }

  /** @param isUnderWay something was started. */
  tick(now: BootMs, record: OfferRecord, isUnderWay: boolean): StopCause | undefined {
    if (this.isPastDeadline(now, record)) return 'deadline'
    if (!isUnderWay || record.stopCause !== undefined) return undefined
    const cause = this.barredBy
    // What runs under a lease is left that lease, and no more.
    return cause === 'quarantined' && record.leaseId !== undefined ? undefined : cause
  }

  private isPastDeadline(now: BootMs, { deadlineUnixMs }: OfferRecord): boolean {
    if (deadlineUnixMs === undefined || now < this.lookAt) return false
    const left = deadlineUnixMs - this.clock.wall()
    this.lookAt = left > 0 ? bootMs(now + Math.min(left, WALL_CLOCK_LOOK_MS)) : NEVER
    return left <= 0
  }
}

const mayRenew = ({ isQuarantined, isRetired }: Standing): boolean => !isQuarantined && !isRetired
