/**
 * P2, whatever the clocks do: tokens (lease ids) rise strictly per scope key, name one grant each, and nothing that carries
 * an older token than the newest changes anything.
 *
 * "Newest" for a renewal: the newest grant in the log, for renewals go through the log. For a result at a submitter:
 * the newest under which the task was offered, or under which something already runs. (A grant whose answer is still under way, or
 * that is given back because the worker of the one before is there again, has had no effect.)
 */
import type { LeaseId, PeerId, ScopeKey } from '../../src/base/index.ts'
import type { LeaseCall, Observation, Observed } from '../observation.ts'
import type { AppliedLeases } from './applied-leases.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

interface Pending {
  readonly call: LeaseCall
  /** The newest token of the key when the operation was invoked. */
  readonly newest: LeaseId | undefined
}

export class Fencing implements Checker {
  readonly name = 'fencing'
  private readonly sink: Sink
  private readonly leases: AppliedLeases
  private readonly pending = new Map<string, Pending>()
  /** By token: the operation that was answered with it. */
  private readonly answered = new RecentMap<LeaseId, string>(REMEMBERED_ENDED_MAX)
  private readonly started = new RecentMap<ScopeKey, LeaseId>(REMEMBERED_ENDED_MAX)
  private newestToken = 0

  constructor(sink: Sink, leases: AppliedLeases) {
    this.sink = sink
    this.leases = leases
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'lease-granted':
        if (this.leases.isNews(observation)) this.granted(observation)
        return
      case 'lease-renewed':
        if (this.leases.isNews(observation)) this.renewed(observation)
        return
      case 'op-invoked': {
        const { call, client, op } = observation
        this.pending.set(`${client} ${op}`, { call, newest: this.leases.newestOf(call.key) })
        return
      }
      case 'op-lost':
        this.pending.delete(`${observation.client} ${observation.op}`)
        return
      case 'op-answered':
        return this.opAnswered(observation)
      case 'execution-started':
        if (observation.leaseId !== 0) raise(this.started, observation.key, observation.leaseId)
        return
      case 'result-judged':
        if (observation.accepted) this.resultAccepted(observation)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private granted({ node, atMs, key, leaseId }: Observed<'lease-granted'>): void {
    const before = this.leases.newestOf(key)
    if (before !== undefined && leaseId <= before)
      this.report(`grants ${key} under token ${leaseId} after token ${before}`, node, atMs)
    else if (leaseId <= this.newestToken)
      this.report(
        `grants ${key} under token ${leaseId}, which is not new (${this.newestToken} was there)`,
        node,
        atMs,
      )
    this.newestToken = Math.max(this.newestToken, leaseId)
  }

  private renewed({ node, atMs, key, leaseId }: Observed<'lease-renewed'>): void {
    const newest = this.leases.newestOf(key)
    if (newest !== undefined && newest > leaseId)
      this.report(`renews ${key} under token ${leaseId}; the newest is ${newest}`, node, atMs)
    else if (this.leases.get(leaseId) === undefined)
      this.report(`renews lease ${leaseId} of ${key}, which has ended`, node, atMs)
  }

  private opAnswered({ client, op, outcome, node, atMs }: Observed<'op-answered'>): void {
    const name = `${client} ${op}`
    const pending = this.pending.get(name)
    this.pending.delete(name)
    if (pending === undefined || !outcome.ok) return
    const { call, newest } = pending
    if (call.kind === 'grant' && outcome.leaseId !== undefined) {
      const other = this.answered.get(outcome.leaseId)
      if (other !== undefined && other !== name)
        this.report(`token ${outcome.leaseId} of ${call.key} was given out twice`, node, atMs)
      this.answered.set(outcome.leaseId, name)
    }
    if (call.kind === 'renew' && newest !== undefined && newest > call.leaseId)
      this.report(
        `${call.key} was renewed under token ${call.leaseId} when ${newest} was the newest`,
        node,
        atMs,
      )
  }

  private resultAccepted({ node, key, leaseId, known, atMs }: Observed<'result-judged'>): void {
    const newest = Math.max(known, this.started.get(key) ?? 0)
    if (leaseId < newest)
      this.report(`accepts a result of ${key} under token ${leaseId}; the newest is ${newest}`, node, atMs)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}

function raise<Key>(map: RecentMap<Key, LeaseId>, key: Key, token: LeaseId): void {
  if ((map.get(key) ?? 0) < token) map.set(key, token)
}
