/**
 * The leases that one attempt executes under: the authority's, and with an attached task one of its submitter (design §7). Each has
 * its own span by the arithmetic of `HeldLease`, counted from the sending of the request that was answered, and renewed each
 * third; what executes must be quiet by the end of the earlier one.
 *
 * A request to the submitter is numbered with the time of its sending by this node's own clock, rounded down, so the answer itself
 * says from when its span counts. A number that was never given out belongs to the past and moves nothing, or to the future
 * and is dropped.
 */
import { HeldLease, type StopBudget } from '../authority/index.ts'
import {
  type BootMs,
  bootMs,
  type CodedError,
  type LeaseId,
  type Logger,
  toCodedError,
} from '../base/index.ts'
import type { ExecutionDeadline } from '../exec/index.ts'
import type { Confirmed } from '../task/index.ts'

interface AttemptLeasesInit {
  readonly leaseId: LeaseId
  /** Of the submitter's own lease; `undefined`: the task is detached. */
  readonly attachedTtlMs: number | undefined
  readonly driftRatio: number
  readonly stopBudget: StopBudget
  readonly logger: Logger
  readonly now: () => BootMs
  /** Renews at the authority. @returns when the request was sent. @throws CodedError */
  readonly renew: () => Promise<{ readonly sentAt: BootMs }>
  /** Whether this node may go on by the admin orders that it knows. */
  readonly mayRenew: () => boolean
  readonly askSubmitter: (sequence: number) => void
  /** What runs may run until then. */
  readonly extended: (deadline: ExecutionDeadline) => void
}

/** How often a first request is repeated within the TTL, and for what part of it: a start that late would be cut short. */
const ASK_PART = 1 / 12
const PATIENCE_PART = 1 / 2
const NEVER = bootMs(Number.MAX_SAFE_INTEGER)

export class AttemptLeases {
  private readonly init: AttemptLeasesInit
  private authority: HeldLease | undefined
  private submitter: HeldLease | undefined
  /** The first request to the submitter is under way. */
  private asking: { nextAt: BootMs; readonly until: BootMs } | undefined
  private lastSequence = -1
  private isOver = false

  constructor(init: AttemptLeasesInit) {
    this.init = init
  }

  /** Asks the submitter, for the first time or once more. */
  ask(): void {
    const { now, attachedTtlMs } = this.init
    if (attachedTtlMs === undefined || this.isOver) return
    const at = now()
    const until = this.asking?.until ?? bootMs(at + attachedTtlMs * PATIENCE_PART)
    this.asking = { nextAt: bootMs(at + attachedTtlMs * ASK_PART), until }
    this.send(at)
  }

  /** The submitter answered. @returns when the request was sent; `undefined` when there was none. */
  answered(sequence: number): BootMs | undefined {
    if (sequence > this.lastSequence) return undefined
    const sentAt = bootMs(sequence)
    this.asking = undefined
    if (this.submitter !== undefined) {
      this.submitter.renewed(sentAt)
      this.tellDeadline()
    }
    return sentAt
  }

  /** Both are confirmed, each from the sending of its request. */
  hold({ leaseSentAt, submitterSentAt }: Confirmed, ttlMs: number): void {
    const { leaseId, attachedTtlMs, driftRatio, stopBudget: budget } = this.init
    const held = (sentAt: BootMs, ttl: number) =>
      new HeldLease({ leaseId, ttlMs: ttl, sentAt, driftRatio, budget })
    if (leaseSentAt !== undefined) this.authority = held(leaseSentAt, ttlMs)
    if (attachedTtlMs !== undefined && submitterSentAt !== undefined)
      this.submitter = held(submitterSentAt, attachedTtlMs)
  }

  /** `undefined` before they are held. */
  get deadline(): ExecutionDeadline | undefined {
    const [one, other] = [this.authority?.plan, this.submitter?.plan]
    if (one === undefined) return undefined
    return {
      termAt: bootMs(Math.min(one.termAt, other?.termAt ?? NEVER)),
      killAt: bootMs(Math.min(one.killAt, other?.killAt ?? NEVER)),
    }
  }

  /** Which of them ends first, for a guardian that was the first to see it. */
  get first(): 'lease-lost' | 'submitter-lost' {
    const { authority, submitter } = this
    const isSubmitters = submitter !== undefined && submitter.plan.termAt < (authority?.plan.termAt ?? NEVER)
    return isSubmitters ? 'submitter-lost' : 'lease-lost'
  }

  /** When `tick` may have something to do. */
  get dueAt(): BootMs {
    if (this.isOver) return NEVER
    if (this.asking !== undefined) return bootMs(Math.min(this.asking.nextAt, this.asking.until))
    return bootMs(Math.min(this.authority?.dueAt ?? NEVER, this.submitter?.dueAt ?? NEVER))
  }

  /** Renews what is due. @returns which of them cannot be kept: once, and from then on nothing is renewed. */
  tick(now: BootMs): 'lease-lost' | 'submitter-lost' | undefined {
    if (this.isOver) return undefined
    if (this.asking !== undefined) {
      if (now >= this.asking.until) return this.lost('submitter-lost')
      if (now >= this.asking.nextAt) this.ask()
      return undefined
    }
    const [byAuthority, bySubmitter] = [this.authority?.tick(now), this.submitter?.tick(now)]
    if (byAuthority === 'lost' || byAuthority === 'revoked') return this.lost('lease-lost')
    if (bySubmitter === 'lost') return this.lost('submitter-lost')
    if (byAuthority === 'renew' && this.init.mayRenew()) void this.renew()
    if (bySubmitter === 'renew') this.send(now)
    return undefined
  }

  /** The authority took its lease back: the work stops now, and the guardian is told so at once. */
  revoked(): void {
    if (this.authority === undefined) return
    this.authority.revoked(this.init.now())
    this.tellDeadline()
  }

  /** Nothing executes any more: the authority's is renewed until it is given back, the submitter's is not needed. */
  keep(): void {
    this.submitter = undefined
    this.asking = undefined
  }

  /** Nothing is renewed any more. */
  end(): void {
    this.isOver = true
  }

  get isKept(): boolean {
    return !this.isOver && this.authority !== undefined
  }

  private lost(which: 'lease-lost' | 'submitter-lost'): typeof which {
    this.isOver = true
    return which
  }

  private send(now: BootMs): void {
    this.lastSequence = Math.floor(now)
    this.init.askSubmitter(this.lastSequence)
  }

  private async renew(): Promise<void> {
    try {
      const { sentAt } = await this.init.renew()
      // An order that came in meanwhile counts from when it came.
      if (!this.init.mayRenew()) return
      this.authority?.renewed(sentAt)
      this.tellDeadline()
    } catch (thrown) {
      const error = toCodedError(thrown)
      if (error.code === 'lease.revoked') this.revoked()
      else if (isGone(error)) this.authority?.refused()
      this.init.logger.warn({ err: error }, 'lease not renewed')
    }
  }

  private tellDeadline(): void {
    const { deadline } = this
    if (deadline !== undefined && !this.isOver) this.init.extended(deadline)
  }
}

/** The authority does not know, or not renew, the lease as this node's. */
export function isGone({ code }: CodedError): boolean {
  return code === 'lease.unknown' || code === 'lease.not_holder' || code === 'lease.revoked'
}
