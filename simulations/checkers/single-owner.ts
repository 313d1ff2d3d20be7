/**
 * P1: at no instant of real time do two executions of one scope key exist, and none exists beyond the end of its lease (or, at a
 * task's submitter, without one while another may execute). The
 * second is how the first comes about, and is seen far more often: the next owner need not be there yet.
 * `forced` revokes waive both. Only while clock rates keep their bound: the suite leaves it out of runs where they
 * do not.
 */
import type { PeerId, ScopeKey } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { AppliedLeases } from './applied-leases.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

type Execution = Observed<'execution-started'>

export class SingleOwner implements Checker {
  readonly name = 'single-owner'
  private readonly sink: Sink
  private readonly leases: AppliedLeases
  private readonly running = new Map<string, Execution>()
  private readonly ofKey = new Map<ScopeKey, Execution[]>()
  /** Leases that were taken by force: what runs under them is nobody's promise. */
  private readonly waived = new RecentMap<number, true>(REMEMBERED_ENDED_MAX)

  constructor(sink: Sink, leases: AppliedLeases) {
    this.sink = sink
    this.leases = leases
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'execution-started':
        return this.starts(observation)
      case 'execution-ended':
        return this.ends(observation)
      case 'lease-ended':
        if (this.leases.isNews(observation)) this.leaseEnds(observation)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private starts(started: Execution): void {
    const { node, key, leaseId, execution, atMs } = started
    const others = this.ofKey.get(key) ?? []
    for (const other of others) {
      // Whoever runs under a lease that was taken by force may meet its successor, whichever of them comes first.
      if (this.waived.get(other.leaseId) === undefined && this.waived.get(leaseId) === undefined)
        this.report(
          `starts ${execution} for ${key} under lease ${leaseId} while ${other.execution} runs on ${other.node} under lease ${other.leaseId}`,
          node,
          atMs,
        )
    }
    this.running.set(execution, started)
    this.ofKey.set(key, [...others, started])
    // At the submitter itself a task may run without a lease, when no other machine can.
    if (leaseId === 0 || this.waived.get(leaseId) !== undefined) return
    const lease = this.leases.get(leaseId)
    if (lease === undefined || lease.key !== key || lease.holder !== node)
      this.report(`starts ${execution} for ${key} under lease ${leaseId}, which it does not hold`, node, atMs)
  }

  private ends({ execution }: Observed<'execution-ended'>): void {
    const started = this.running.get(execution)
    if (started === undefined) return
    this.running.delete(execution)
    const others = (this.ofKey.get(started.key) ?? []).filter((other) => other.execution !== execution)
    if (others.length === 0) this.ofKey.delete(started.key)
    else this.ofKey.set(started.key, others)
  }

  private leaseEnds({ leaseId, key, how, atMs }: Observed<'lease-ended'>): void {
    if (how === 'forced') {
      this.waived.set(leaseId, true)
      return
    }
    for (const { node, execution, leaseId: under } of this.ofKey.get(key) ?? []) {
      if (under === leaseId)
        this.report(`${execution} for ${key} still runs when lease ${leaseId} has ${how}`, node, atMs)
    }
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
