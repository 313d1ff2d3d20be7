import { assert, KiB, LIMITS, MiB } from '../base/index.ts'

/**
 * Tunables of one server. Times are in ticks; the driver decides how long a tick is. PreVote and CheckQuorum
 * are no options: without them a server that was cut off disturbs a healthy group, and a leader that was cut off
 * goes on believing in itself.
 */
export interface RaftOptions {
  /**
   * A follower that heard nothing from a leader for `electionTicks … 2·electionTicks − 1` ticks (drawn anew for
   * each campaign) asks for pre-votes; a leader that heard nothing from a quorum for `electionTicks` steps down. At
   * least `heartbeatTicks` · 3, so that lost heartbeats alone start no election. Fail-over takes about `1.5 ·
   * electionTicks` ticks plus two round trips plus two disk writes: smaller is faster, and more often wrong.
   */
  readonly electionTicks: number
  /**
   * Ticks between heartbeats. Smaller finds lost messages sooner; idle traffic is `voters − 1` messages each way
   * per interval.
   */
  readonly heartbeatTicks: number
  /**
   * The same for a learner that has everything: nobody elects by its silence or its leader's, so heartbeats only repair what was
   * lost, as the last word on what is committed, and tell it that the leader is still there. It names a leader for three of these
   * intervals of silence. At least `heartbeatTicks`; idle traffic is `learners` messages each way per interval.
   */
  readonly learnerHeartbeatTicks: number
  /**
   * A leader that has had nothing to do for `idleAfterTicks` sends heartbeats so many times more rarely, and says so in them: its
   * followers wait so many times longer before they miss it, and so does its own check of the quorum. The first entry ends that for all that
   * get it. Larger: cheaper to keep a group that does nothing. Smaller: a leader that falls silent meanwhile (not one whose connections
   * close) is missed sooner. 1: never.
   */
  readonly idlePace: number
  readonly idleAfterTicks: number
  /**
   * Bytes of entries in one append message, and so also the largest proposal. Larger: fewer messages when
   * catching up. Smaller: less delay for what shares the stream. The wire's frame limit must be above it.
   */
  readonly maxAppendBytes: number
  /**
   * Bytes of entries that the leader holds without having them committed and applied; more proposals are refused. About
   * `throughput · time to commit`: a group that lost its quorum, or a state machine that hangs, must not fill the
   * leader's memory. At least `maxAppendBytes`.
   */
  readonly maxUncommittedBytes: number
  /**
   * Append messages on the way to one follower without an answer. Small ones follow each other as fast as proposals come,
   * so this is about `round trip · messages per second`.
   */
  readonly maxInflightAppends: number
  /**
   * Bytes of entries on the way to one follower without an answer: what bounds memory, where the number of messages
   * bounds small ones. About `round trip · bandwidth`; at least `maxAppendBytes`.
   */
  readonly maxInflightBytes: number
  /**
   * When followers are told of a commit that no append carries to them. `at-once`: they apply it a message later, and every
   * commit costs a message to each of them and its answer. `each-tick`: with the next tick at the latest, and under load
   * with the next entries; whoever waits for the commit asked the leader, which knows.
   */
  readonly commitNews: 'at-once' | 'each-tick'
  /**
   * Applied entries kept in the log, for followers that are a little behind; beyond it, or beyond `compactBytesMax`, the log
   * is cut so that half of it stays. Larger: fewer snapshots, more memory, a longer restart.
   */
  readonly compactEntriesMax: number
  /** Bytes of applied entries kept in the log. A snapshot is worth its cost when it is smaller than these. */
  readonly compactBytesMax: number
}

/** For a tick of about 50 ms on a LAN: fail-over in about a second. */
export const RAFT_DEFAULTS: RaftOptions = {
  electionTicks: 10,
  heartbeatTicks: 2,
  learnerHeartbeatTicks: 20,
  idlePace: 1,
  idleAfterTicks: 80,
  maxAppendBytes: 256 * KiB,
  maxUncommittedBytes: 16 * MiB,
  maxInflightAppends: 256,
  maxInflightBytes: 4 * MiB,
  commitNews: 'at-once',
  compactEntriesMax: 20_000,
  compactBytesMax: 16 * MiB,
}

/** @throws InvariantError for options that cannot work: they come from the program, never from a peer. */
export function checkOptions(options: RaftOptions): RaftOptions {
  const { electionTicks, heartbeatTicks, learnerHeartbeatTicks } = options
  const { maxAppendBytes, maxUncommittedBytes, maxInflightBytes } = options
  const { commitNews: _, ...counts } = options
  for (const value of Object.values(counts))
    assert(Number.isSafeInteger(value) && value > 0, 'positive whole options')
  assert(electionTicks >= 3 * heartbeatTicks, 'electionTicks is at least three heartbeatTicks')
  assert(learnerHeartbeatTicks >= heartbeatTicks, 'learners get no more heartbeats than voters')
  assert(options.idlePace <= LIMITS.raftIdlePaceMax, 'no slower than the others believe')
  assert(maxAppendBytes >= 1 * KiB, 'an append message has room for a configuration')
  assert(maxUncommittedBytes >= maxAppendBytes, 'a proposal of the largest size fits the uncommitted bytes')
  assert(maxInflightBytes >= maxAppendBytes, 'the largest append may be on its way')
  return options
}
