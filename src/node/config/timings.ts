/**
 * The timing presets, as far as they concern the authority: raft, which knows no time but ticks, and the autopilot; `membership/` has its own figures under
 * the same names. A person chooses a preset and not its numbers, because they only make sense together
 * (test/node/config/timings.test.ts applies these rules):
 *
 *     heartbeat interval ≥ the usual round trip                   otherwise heartbeats queue up
 *     election timeout   ≥ 4 heartbeat intervals + a slow fsync   late is not dead, nor is a slow disk
 *
 * Assumed round trip and slow fsync: `lan` 10 ms and 50 ms, `wan` 250 ms and 100 ms. The lease TTL is not part of a
 * preset: even a WAN round trip is nothing against a third of it.
 */
export interface Timings {
  /** Length of one raft tick: the grain in which raft sees time. */
  readonly raftTickMs: number
  /** A leader sends a heartbeat each so many ticks. */
  readonly raftHeartbeatTicks: number
  /** The same for learners that have everything. A person who looks sees a lost leader after three of them. */
  readonly raftLearnerHeartbeatTicks: number
  /** With nothing to do for two seconds, everything of the authority is so many times slower: `RaftOptions.idlePace`. */
  readonly raftIdlePace: number
  /** A follower waits between this and twice this many ticks, drawn anew each time (thesis §3.4). */
  readonly raftElectionTicks: number
  /** The autopilot gives the vote of a voter that was unreachable for so long to a healthy learner. */
  readonly deadVoterMs: number
  /**
   * A machine must have been reachable and up to date for so long before it may vote: longer than a flap, and than the
   * restart of a node.
   */
  readonly stableLearnerMs: number
  /**
   * Without a learner to take its place, a voter keeps its vote for so long: a machine that is switched off at night is
   * not gone, and fewer voters bear fewer failures.
   */
  readonly shrinkVotersMs: number
}

/**
 * Election timeout 300–600 ms. Of two remaining voters the first wakes after 390 ms in the median
 * (300 + 300·(1 − 1/√2)), less half a heartbeat interval, because the last heartbeat came before the crash, plus
 * two rounds of votes with one synced write: about 450 ms without a leader, inside the 600 ms that issue 3
 * allows. A node may still stall for 300 ms (garbage collection, a full disk queue) without an election.
 */
const LAN = {
  raftTickMs: 25,
  raftHeartbeatTicks: 2,
  raftLearnerHeartbeatTicks: 40,
  raftIdlePace: 4,
  raftElectionTicks: 12,
  deadVoterMs: 60_000,
  stableLearnerMs: 2_000,
  shrinkVotersMs: 24 * 3_600_000,
} as const satisfies Timings

export type Preset = keyof typeof PRESETS

export const PRESETS = {
  lan: LAN,
  /** Ten round trips are etcd's advice for the election timeout: 2.5 s, rounded up to 3–6 s. */
  wan: {
    raftTickMs: 100,
    raftHeartbeatTicks: 5,
    raftLearnerHeartbeatTicks: 20,
    raftIdlePace: 1,
    raftElectionTicks: 30,
    deadVoterMs: 300_000,
    stableLearnerMs: 10_000,
    shrinkVotersMs: 24 * 3_600_000,
  },
  /** All nodes on one machine, for trials and tests: consensus gains nothing from knowing it, membership does. */
  local: LAN,
} as const satisfies Record<string, Timings>
