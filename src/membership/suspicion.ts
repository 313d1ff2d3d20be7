/**
 * The doubt about one incarnation of one member: who has said it, and how long it has to refute (Lifeguard §IV.B).
 *
 * The time begins long and shrinks with each independent confirmation. When this node is the one that is slow, nobody confirms,
 * and there is all the time for the refutation to arrive; when the member is dead, its other neighbours say so within a
 * probe, and the time is as short as plain SWIM's.
 *
 * Two classes of evidence. *Silence* may be anybody's fault. *Closed* means that its machine itself has ended the connection to
 * the witness and refuses or ignores new ones; if that holds for all who were needed for confirmation, there is no path on
 * which a refutation could still be under way, and the time to wait is that of a restart at most.
 */
import type { BootMs, PeerId } from '../base/index.ts'
import type { Timer } from './agenda.ts'
import type { ChangeCause } from './events.ts'
import type { Evidence } from './gossip.ts'
import type { MembershipOptions } from './options.ts'

/** More than any sensible `confirmationsMax`; who comes later changes nothing. */
const ACCUSERS_KEPT = 16

export class Suspicion {
  /** The verdict, and while this node is no witness: when it looks for itself. */
  readonly timer: Timer
  /** When this node says what it has found, unless enough others did. */
  readonly sayTimer: Timer
  /** Other members that said it, with the strongest that each of them said. */
  readonly accusers = new Map<PeerId, Evidence>()
  /** What this node's own probes found; absent while it only knows from others. */
  evidence: Evidence | undefined
  /** When its time to refute began to count here. */
  since: BootMs
  /** How many others could confirm. */
  witnesses = 0
  /** Between 0 and 1, at random: that not all nodes do the same at once. */
  readonly chance: number
  /** Somebody has said that it is dead, and this node is looking for itself. */
  verdict: { readonly by: PeerId; readonly cause: ChangeCause } | undefined

  constructor(since: BootMs, chance: number, timer: Timer, sayTimer: Timer) {
    this.since = since
    this.chance = chance
    this.timer = timer
    this.sayTimer = sayTimer
  }

  /** @returns whether that is new. */
  accuse(by: PeerId, evidence: Evidence): boolean {
    const before = this.accusers.get(by)
    if (before === 'closed' || before === evidence) return false
    if (before === undefined && this.accusers.size >= ACCUSERS_KEPT) return false
    this.accusers.set(by, evidence)
    return true
  }

  /** Confirmations that can be had and that count. */
  needed(options: MembershipOptions): number {
    return Math.min(options.confirmationsMax, this.witnesses)
  }

  /** Others that have said this or something stronger. */
  confirmations(evidence: Evidence): number {
    if (evidence === 'silence') return this.accusers.size
    let closed = 0
    for (const said of this.accusers.values()) if (said === 'closed') closed += 1
    return closed
  }

  /** Whether all who were needed found, as this node did, that it has closed its connections. */
  private isClosed(options: MembershipOptions): boolean {
    return this.evidence === 'closed' && this.confirmations('closed') >= this.needed(options)
  }

  /** Time to refute, from `since`. @param leastMs with all confirmations. */
  timeoutMs(options: MembershipOptions, leastMs: number): number {
    const needed = this.needed(options)
    const longestMs = options.suspicionMaxTimes * leastMs
    const confirmed = Math.min(needed, this.accusers.size)
    const share = needed === 0 ? 1 : Math.log(confirmed + 1) / Math.log(needed + 1)
    const ms = longestMs - (longestMs - leastMs) * share
    return this.isClosed(options) ? Math.min(options.closedSuspicionMs, ms) : ms
  }
}

/** The least time to refute in a mesh with so many members there. */
export function leastSuspicionMs(options: MembershipOptions, members: number): number {
  return options.suspicionMs * Math.max(1, Math.log10(members))
}
