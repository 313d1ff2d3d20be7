/**
 * The tunables of membership and three sets of them. Times in milliseconds. Where a value switches its mechanism off, it says
 * so: that is how the simulator runs plain SWIM and others on the same core.
 *
 * From the first unanswered ping to the verdict everywhere, with c confirmations of k (Lifeguard §IV.B):
 *
 *     probe      probePeriodMs, after ≤ neighbours ÷ witnesses periods until somebody's turn comes
 *     suspicion  max − (max − min)·log(c + 1)/log(k + 1), min = suspicionMs·max(1, log10 N), max = suspicionMaxTimes·min
 *     gossip     a few network delays
 *
 * all of it times 1 + local health.
 */
export interface MembershipOptions {
  /** Up to so many members everybody is connected to everybody. More: faster confirmations. Less: fewer connections. */
  readonly fullMeshMax: number
  /** Pseudo-random rings above that; a member has 2 to 4 neighbours for each. More: faster, more robust. Less: fewer connections. */
  readonly rings: number

  /** A neighbour is probed each so often, the next one each time. Shorter: failures are seen sooner. Longer: less traffic, more patience with slow machines. */
  readonly probePeriodMs: number
  /** A ping is answered within srtt + 4·rttvar (RFC 6298), but not expected sooner: a busy event loop is not a lost packet. With the next one equal: a fixed timeout. */
  readonly probeTimeoutMsMin: number
  /** …and not waited for longer before others are asked; also the timeout before the first answer. Below `probePeriodMs`. */
  readonly probeTimeoutMsMax: number
  /** SWIM's k: neighbours that are asked to probe who did not answer. More: fewer false suspicions on lossy links, more traffic. 0: nobody is asked. */
  readonly indirectProbes: number
  /** A probe of somebody whose connection was closed from its side takes only so long, or its usual timeout if that is longer: redialling a live process succeeds in a few round trips. */
  readonly closedProbeMs: number

  /** Time to refute, at least: two probes and the way of gossip there and back. Times log10 N, because gossip takes log N hops. 0: no suspicion, dead at the first failed probe. */
  readonly suspicionMs: number
  /** Time to refute while nobody else confirms, as a multiple of the least. 1: confirmations change nothing, as in SWIM. */
  readonly suspicionMaxTimes: number
  /** Lifeguard's K: confirmations by others that bring the time to refute down to its least. 0: always the least. */
  readonly confirmationsMax: number
  /** Time to refute when it closed its connections to this node and to all who confirm. As long as `suspicionMs`: closed connections say nothing. */
  readonly closedSuspicionMs: number
  /** Who may say `dead`: neighbours whose own probes failed, or, as in SWIM and memberlist, everybody who heard of the suspicion. */
  readonly declare: 'witnesses' | 'anyone'
  /** Whoever only heard of a suspicion looks for itself after so many times the longest time to refute: then all witnesses are gone. */
  readonly fallbackTimes: number
  /** A neighbour that was heard so recently is probed before an accusation by others is believed. 0: off, as in SWIM. */
  readonly freshMs: number
  /**
   * Whether what happens to a member has it probed out of its turn: its connection opens or closes, others accuse it, it is under
   * suspicion. false: only by turns, and a closed connection says nothing, as in SWIM, which has none.
   */
  readonly alert: boolean
  /** Whether a ping tells its receiver that it is accused (Lifeguard's buddy system). */
  readonly buddy: boolean
  /** Consecutive probes that only others got an answer to, until the link is called faulty and its connection made anew. */
  readonly linkFaultProbes: number

  /** Lifeguard's S: the greatest local health score. 0: off. */
  readonly localHealthMax: number
  /** A call that comes so long after it was due is a sign of bad local health, and what was waited for meanwhile is void. Infinity: off. */
  readonly lateMs: number
  /** A call that comes so late means that this process was away (sleep, SIGSTOP): it looks at everybody anew before it accuses anybody. Infinity: off. */
  readonly absentAfterMs: number

  /** Accusations within this time share one message. The first goes out at once. */
  readonly accusationBatchMs: number
  /** Shortest time between two regular heartbeats, and the interval of a small mesh. Heartbeats carry facts, not liveness. */
  readonly heartbeatIntervalMsMin: number
  /** Interval = members × this, once above the minimum: each node gets a constant number of heartbeats per second, whatever N. */
  readonly heartbeatPerMemberMs: number
  /** A random neighbour is asked for its hash each so often, times 1 + log2(N ÷ `fullMeshMax`): bounds how long what gossip lost stays lost. */
  readonly syncIntervalMs: number
  /** The dead and those who left are shown, with their record, for so long; then they count as unseen. Their incarnation stays. */
  readonly tombstoneMs: number
}

const COMMON = {
  fullMeshMax: 32,
  rings: 8,
  indirectProbes: 3,
  suspicionMaxTimes: 6,
  confirmationsMax: 3,
  declare: 'witnesses',
  fallbackTimes: 3,
  alert: true,
  buddy: true,
  linkFaultProbes: 2,
  localHealthMax: 8,
  tombstoneMs: 24 * 3_600_000,
} as const

export const MEMBERSHIP_PRESETS = {
  /** One house. 5 members: killed, known after 0.7 s; silent, after 4.5 s. 1000 members: silent, 11 s. */
  lan: {
    ...COMMON,
    probePeriodMs: 1000,
    probeTimeoutMsMin: 100,
    probeTimeoutMsMax: 500,
    closedProbeMs: 300,
    suspicionMs: 2500,
    closedSuspicionMs: 300,
    freshMs: 1000,
    lateMs: 250,
    absentAfterMs: 2000,
    accusationBatchMs: 200,
    heartbeatIntervalMsMin: 5000,
    heartbeatPerMemberMs: 500,
    syncIntervalMs: 30_000,
  },
  /** Several houses: longer than an overlay takes to change its path. 5 members: killed, known after 9 s; silent, after 25 s. */
  wan: {
    ...COMMON,
    probePeriodMs: 4000,
    probeTimeoutMsMin: 300,
    probeTimeoutMsMax: 2000,
    closedProbeMs: 3000,
    suspicionMs: 15_000,
    closedSuspicionMs: 5000,
    freshMs: 4000,
    lateMs: 1000,
    absentAfterMs: 6000,
    accusationBatchMs: 400,
    heartbeatIntervalMsMin: 15_000,
    heartbeatPerMemberMs: 500,
    syncIntervalMs: 60_000,
  },
  /** All on one machine, for tests and demonstrations: as fast as an event loop that others compete with allows. */
  local: {
    ...COMMON,
    probePeriodMs: 500,
    probeTimeoutMsMin: 50,
    probeTimeoutMsMax: 250,
    closedProbeMs: 150,
    suspicionMs: 1000,
    closedSuspicionMs: 150,
    freshMs: 500,
    lateMs: 200,
    absentAfterMs: 1500,
    accusationBatchMs: 50,
    heartbeatIntervalMsMin: 1000,
    heartbeatPerMemberMs: 200,
    syncIntervalMs: 5000,
  },
} as const satisfies Record<string, MembershipOptions>

/** Time between two regular heartbeats of a node in a roster of `members`, itself included. */
export function heartbeatIntervalMs(options: MembershipOptions, members: number): number {
  return Math.max(options.heartbeatIntervalMsMin, members * options.heartbeatPerMemberMs)
}

/** Time between two comparisons with a random neighbour. */
export function syncIntervalMs(options: MembershipOptions, members: number): number {
  return options.syncIntervalMs * (1 + Math.max(0, Math.log2(members / options.fullMeshMax)))
}
