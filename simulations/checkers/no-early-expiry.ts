/**
 * No lease is expired before its TTL (design §7): on its holder's clock, at least `T·(1−ρ)` have passed since its last
 * grant or renewal was applied, and since the holder sent the last one that was answered. The first is what the
 * authority promises; the second is what the holder relies on, and also catches an answer that no entry stands behind.
 * Judged with the real rates of the clocks; the suite leaves it out of runs where they do not keep their bound.
 */
import type { LeaseId, PeerId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { AppliedLeases } from './applied-leases.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'
import type { Clocks } from './clocks.ts'

/** Sums of clock readings are not exact; no timer of the cores is finer. */
const ROUNDING_MS = 0.001

interface Span {
  readonly holder: PeerId
  readonly spanMs: number
  /** On the holder's clock. */
  fromMs: number
  expiredMs: number | undefined
}

interface Sent {
  readonly leaseId: LeaseId | undefined
  readonly localMs: number
}

export class NoEarlyExpiry implements Checker {
  readonly name = 'no-early-expiry'
  private readonly sink: Sink
  private readonly leases: AppliedLeases
  private readonly clocks: Clocks
  private readonly driftRatio: number
  private readonly spans = new RecentMap<LeaseId, Span>(REMEMBERED_ENDED_MAX)
  /** Requests under way by which a holder starts a span, by `client op`. */
  private readonly sent = new Map<string, Sent>()

  constructor(sink: Sink, leases: AppliedLeases, clocks: Clocks, driftRatio: number) {
    this.sink = sink
    this.leases = leases
    this.clocks = clocks
    this.driftRatio = driftRatio
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'lease-granted':
        if (this.leases.isNews(observation)) this.granted(observation)
        return
      case 'lease-renewed':
        if (this.leases.isNews(observation)) this.restart(observation.leaseId, observation.atMs)
        return
      case 'lease-ended':
        if (observation.how === 'expired' && this.leases.isNews(observation)) this.expired(observation)
        return
      case 'op-invoked':
        return this.invoked(observation)
      case 'op-answered':
        return this.answered(observation)
      case 'op-lost':
        this.sent.delete(`${observation.client} ${observation.op}`)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private granted({ leaseId, holder, ttlMs, atMs }: Observed<'lease-granted'>): void {
    this.spans.set(leaseId, {
      holder,
      spanMs: ttlMs * (1 - this.driftRatio),
      fromMs: this.clocks.localMs(holder, atMs),
      expiredMs: undefined,
    })
  }

  private restart(leaseId: LeaseId, atMs: number): void {
    const span = this.spans.get(leaseId)
    if (span !== undefined) span.fromMs = this.clocks.localMs(span.holder, atMs)
  }

  private expired({ leaseId, node, atMs }: Observed<'lease-ended'>): void {
    const span = this.spans.get(leaseId)
    if (span === undefined) return
    span.expiredMs = this.clocks.localMs(span.holder, atMs)
    this.judge(leaseId, span, span.fromMs, 'it was granted or renewed', node, atMs)
  }

  private invoked({ client, op, node, call, atMs }: Observed<'op-invoked'>): void {
    const starts = call.kind === 'renew' || (call.kind === 'grant' && call.holder === node)
    if (!starts) return
    const leaseId = call.kind === 'renew' ? call.leaseId : undefined
    this.sent.set(`${client} ${op}`, { leaseId, localMs: this.clocks.localMs(node, atMs) })
  }

  private answered({ client, op, node, outcome, atMs }: Observed<'op-answered'>): void {
    const name = `${client} ${op}`
    const sent = this.sent.get(name)
    this.sent.delete(name)
    if (sent === undefined || !outcome.ok) return
    const leaseId = sent.leaseId ?? outcome.leaseId
    const span = leaseId === undefined ? undefined : this.spans.get(leaseId)
    if (leaseId === undefined || span === undefined || span.holder !== node) return
    if (span.expiredMs === undefined) span.fromMs = Math.max(span.fromMs, sent.localMs)
    else this.judge(leaseId, span, sent.localMs, 'its holder sent a request that succeeded', node, atMs)
  }

  private judge(leaseId: LeaseId, span: Span, from: number, since: string, node: PeerId, atMs: number): void {
    const passed = (span.expiredMs ?? 0) - from
    if (passed >= span.spanMs - ROUNDING_MS) return
    const message = `lease ${leaseId} expired ${passed.toFixed(3)} ms (clock of ${span.holder}) after ${since}; its span is ${span.spanMs.toFixed(3)} ms`
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
