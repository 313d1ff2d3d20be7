/**
 * The leases as the replicated log made them, each entry taken at the node that applied it first. Not a checker: several
 * look at it. The suite updates it *after* the checkers have seen an observation; `isNews` tells them whether the
 * entry is applied for the first time anywhere.
 */
import type { LeaseId, PeerId, ScopeKey } from '../../src/base/index.ts'
import type { Observation, Observed, Observer } from '../observation.ts'
import { REMEMBERED_ENDED_MAX, RecentMap } from './checker.ts'

export interface LiveLease {
  readonly leaseId: LeaseId
  readonly key: ScopeKey
  readonly holder: PeerId
  readonly ttlMs: number
}

type LeaseEvent =
  | Observed<'lease-granted' | 'lease-ended'>
  | Observed<'lease-renewed'>
  | Observed<'lease-revoked'>

export class AppliedLeases implements Observer {
  private readonly live = new Map<LeaseId, LiveLease>()
  private readonly newest = new RecentMap<ScopeKey, LeaseId>(REMEMBERED_ENDED_MAX)
  private lastIndex = 0
  private lastNode: PeerId | undefined

  /** Whether this is the first application of its entry. */
  isNews({ index, node }: LeaseEvent): boolean {
    return index > this.lastIndex || (index === this.lastIndex && node === this.lastNode)
  }

  get(leaseId: LeaseId): LiveLease | undefined {
    return this.live.get(leaseId)
  }

  /** The newest lease that was ever granted for the key. */
  newestOf(key: ScopeKey): LeaseId | undefined {
    return this.newest.get(key)
  }

  all(): readonly LiveLease[] {
    return [...this.live.values()]
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'life-began':
        // The same node may apply its last entry again: not news any more.
        if (observation.node === this.lastNode) this.lastNode = undefined
        return
      case 'lease-granted':
        if (!this.take(observation)) return
        this.live.set(observation.leaseId, observation)
        this.newest.delete(observation.key)
        this.newest.set(observation.key, observation.leaseId)
        return
      case 'lease-ended':
        if (this.take(observation)) this.live.delete(observation.leaseId)
        return
      case 'lease-renewed':
      case 'lease-revoked':
        this.take(observation)
        return
      default:
        return
    }
  }

  private take(event: LeaseEvent): boolean {
    if (!this.isNews(event)) return false
    this.lastIndex = event.index
    this.lastNode = event.node
    return true
  }
}
