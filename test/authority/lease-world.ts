/**
 * One lease in a world with real time: a holder and a line of leaders, each with a clock of its own rate, messages that
 * take their time or get lost, commits that take theirs, machines that are suspended, leaders that are replaced. The
 * state machine and both halves of the timing argument are the real ones.
 */
import { HeldLease, type Lease, LeaseExpiry } from '../../src/authority/index.ts'
import { type BootMs, bootMs, type LeaseId, Random } from '../../src/base/index.ts'
import { A, B, C, codeOf, Replica } from './support.ts'

export const RHO = 0.01
const BUDGET = { graceMs: 300, proofMs: 100 }

/** Counts suspended time, as boot clocks do; only its rate is wrong. */
interface MachineClock {
  readonly rate: number
  readonly offsetMs: number
}

export interface WorldOptions {
  readonly seed: number
  /** How far a clock's rate may be from real time. */
  readonly driftMax: number
}

export class LeaseWorld {
  readonly replica = Replica.withRoster()
  /** When the lease of the holder ended, in real time. */
  endedAt: number | undefined
  endedHow: string | undefined
  /** Until when, in real time, the holder may have executed: the latest of all its plans. */
  executedUntil = 0
  renewals = 0
  private readonly random: Random
  private readonly driftMax: number
  private readonly ttlMs: number
  private readonly holderClock: MachineClock
  private leaderClock: MachineClock
  private expiry = new LeaseExpiry(RHO)
  private real = 0
  private held: HeldLease | undefined
  private readonly queue: { readonly at: number; readonly run: () => void }[] = []

  constructor({ seed, driftMax }: WorldOptions) {
    this.random = new Random(seed)
    this.driftMax = driftMax
    this.ttlMs = this.random.integer(1000, 20_000)
    this.holderClock = this.newClock()
    this.leaderClock = this.newClock()
    this.expiry.begin([], this.leaderNow())
  }

  /** Until the lease has ended and everything that was under way has arrived. */
  run(): void {
    const sentAt = this.holderNow()
    this.after(this.latency(), () => this.grant(sentAt))
    this.after(this.between(0, 500), () => this.leaderTick())
    for (
      let at = this.between(0, 4 * this.ttlMs);
      at < 30 * this.ttlMs;
      at += this.between(0, 8 * this.ttlMs)
    ) {
      this.after(at, () => this.replaceLeader())
    }
    for (let next = this.next(); next !== undefined; next = this.next()) {
      this.real = next.at
      next.run()
    }
  }

  private grant(sentAt: BootMs): void {
    this.commit(() => {
      const lease = this.leaseOf(this.replica.grant(B, B, '1', this.ttlMs))
      this.expiry.start(lease, this.leaderNow())
      this.after(this.latency(), () => {
        const { leaseId, ttlMs } = lease
        this.held = new HeldLease({ leaseId, ttlMs, sentAt, driftRatio: RHO, budget: BUDGET })
        this.noteSpan()
        this.holderTick()
      })
    })
  }

  private holderTick(): void {
    const { held } = this
    if (held === undefined || held.tick(this.holderNow()) === 'lost') return
    if (this.random.float() < 0.6) this.renew(held)
    const isSuspended = this.random.float() < 0.05
    this.after(this.between(1, isSuspended ? 2 * this.ttlMs : this.ttlMs / 6), () => this.holderTick())
  }

  private renew(held: HeldLease): void {
    const sentAt = this.holderNow()
    if (this.random.float() < 0.4) return // lost
    this.after(this.latency(), () =>
      this.commit(() => {
        const { answer } = this.replica.apply(B, { type: 'lease.renew', leaseId: held.leaseId })
        if (answer.ok) this.expiry.start(this.liveLease(held.leaseId), this.leaderNow())
        this.after(this.latency(), () => {
          if (!answer.ok) return held.refused()
          this.renewals += 1
          held.renewed(sentAt)
          this.noteSpan()
        })
      }),
    )
  }

  private leaderTick(): void {
    if (this.endedAt !== undefined) return
    const { term } = this.replica
    const { expiry } = this
    const batch = expiry.due(this.leaderNow())
    if (batch.length > 0) {
      this.commit(() => {
        // Of a leader that was replaced meanwhile the entry may survive, with its own term, or be lost.
        const isReplaced = this.replica.term !== term
        if (isReplaced && this.random.float() < 0.5) return
        const { events } = this.applyIn(term, () =>
          this.replica.apply(A, { type: 'lease.expire', term, leases: [...batch] }),
        )
        for (const event of events) {
          if (event.type !== 'lease-ended') continue
          this.endedAt = this.real
          this.endedHow = event.how
          this.expiry.forget(event.lease.leaseId)
        }
        expiry.settled(batch, 'applied', this.leaderNow())
      })
    }
    const isStalled = this.random.float() < 0.05
    this.after(this.between(1, isStalled ? 2 * this.ttlMs : 100), () => this.leaderTick())
  }

  private replaceLeader(): void {
    if (this.endedAt !== undefined) return
    this.replica.term += 1
    this.leaderClock = this.newClock()
    this.expiry = new LeaseExpiry(RHO)
    const { expiry } = this
    this.after(this.between(0, 1000), () => {
      if (expiry === this.expiry) expiry.begin(this.replica.machine.leases(), this.leaderNow())
    })
  }

  /** The next holder gets the key; whatever the first one still sends changes nothing. */
  takeOver(): { first: number; second: number; afterwards: readonly string[] } {
    const first = this.held?.leaseId ?? 0
    const granted = this.replica.grant(C, C, '1', this.ttlMs)
    const second = granted.ok ? granted.id : 0
    const late = (type: 'lease.renew' | 'lease.release') =>
      codeOf(this.replica.apply(B, { type, leaseId: first as LeaseId }).answer)
    const afterwards = [late('lease.renew'), late('lease.release')]
    const live = this.replica.machine.leases().map(({ leaseId }) => String(leaseId))
    return { first, second, afterwards: [...afterwards, ...live] }
  }

  private noteSpan(): void {
    const { quietBy } = this.held?.plan ?? { quietBy: bootMs(0) }
    const until = (quietBy - this.holderClock.offsetMs) / this.holderClock.rate
    this.executedUntil = Math.max(this.executedUntil, until)
  }

  private applyIn<Result>(term: number, work: () => Result): Result {
    const present = this.replica.term
    this.replica.term = term
    const result = work()
    this.replica.term = present
    return result
  }

  private leaseOf(answer: { ok: boolean; id?: number }): Lease {
    return this.liveLease((answer.id ?? 0) as LeaseId)
  }

  private liveLease(leaseId: LeaseId): Lease {
    const lease = this.replica.machine.lease(leaseId)
    if (lease === undefined) throw new RangeError(`lease ${leaseId} is live`)
    return lease
  }

  private newClock(): MachineClock {
    const rate = 1 + this.driftMax * this.between(-1, 1)
    return { rate, offsetMs: this.between(0, 1e6) }
  }

  private holderNow(): BootMs {
    return bootMs(this.holderClock.offsetMs + this.real * this.holderClock.rate)
  }

  private leaderNow(): BootMs {
    return bootMs(this.leaderClock.offsetMs + this.real * this.leaderClock.rate)
  }

  /** Mostly quick, sometimes longer than the lease. */
  private latency(): number {
    const draw = this.random.float()
    return draw < 0.8 ? this.between(0, 20) : this.between(0, draw < 0.95 ? 500 : 2 * this.ttlMs)
  }

  private commit(apply: () => void): void {
    this.after(this.between(0.01, 30), apply)
  }

  private between(min: number, max: number): number {
    return min + this.random.float() * (max - min)
  }

  private after(delayMs: number, run: () => void): void {
    const at = this.real + delayMs
    const place = this.queue.findIndex((event) => event.at > at)
    this.queue.splice(place < 0 ? this.queue.length : place, 0, { at, run })
  }

  private next(): { readonly at: number; readonly run: () => void } | undefined {
    return this.queue.shift()
  }
}
