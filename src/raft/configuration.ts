/**
 * Who votes and who only listens (§6; thesis chapter 4).
 *
 * Voters change by joint consensus only. A change from C_old to C_new goes through two log entries: the joint configuration
 * (every decision needs a majority of both) and, once that is committed, C_new alone, which the leader proposes by
 * itself (`auto`) or when it is told to (`explicit`). The entry says which, so a leader that inherits the change ends it in
 * the same way. Learners get the log and count for nothing; a change among them alone is one plain entry, because no
 * majority is another one after it. Each entry holds the whole configuration, not a difference. As in the paper, a server
 * acts under the newest configuration *in its log*, committed or not, and goes back to the one before when the entry is
 * replaced (`ConfigurationHistory`).
 *
 * Rejected: letting a configuration take effect when it is committed or applied, as etcd does. A member of C_new
 * may hold the last entry without knowing that it is committed; it then still needs votes of C_old, whose members
 * may have longer logs and no wish to campaign, or may be switched off, because they were told that they are
 * removed. Our random tests found a group wedged like that within a hundred runs. Under the paper's rule the
 * members of C_new are enough. Also rejected: changes of one voter without a joint phase (a second path with its
 * own traps; the joint phase costs one entry), and differences as entries (a restart would have to replay them
 * all, and a compacted log could not).
 *
 * A voter that becomes a learner stands in `learners` from the first entry on, and votes as one of `votersOutgoing` until the
 * second. That is safe here, where it was not for etcd ("learners next"): whoever asks whether a peer votes looks at the
 * lists of voters, and nobody concludes from `learners` that it does not.
 */
import { LIMITS, type PeerId } from '../base/index.ts'

export interface Configuration {
  /** Sorted, without repetition. Empty only on a server that has not been told anything yet. */
  readonly voters: readonly PeerId[]
  /** The old voters while the change is joint; else empty. */
  readonly votersOutgoing: readonly PeerId[]
  /** Sorted; none of them in `voters`. */
  readonly learners: readonly PeerId[]
  /** How a joint configuration ends; `auto` in any other. */
  readonly leave: Leave
}

type Leave = 'auto' | 'explicit'

/** What is asked for, as a whole. Order and repetition do not matter. */
export interface WantedConfiguration {
  readonly voters: readonly PeerId[]
  readonly learners: readonly PeerId[]
  /** Default `auto`. Without meaning where only learners change. */
  readonly leave?: Leave
}

export const NO_CONFIGURATION: Configuration = { voters: [], votersOutgoing: [], learners: [], leave: 'auto' }

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0
}

/** Whether the peer's vote counts, in either half. */
export function isVoter(configuration: Configuration, peer: PeerId): boolean {
  return configuration.voters.includes(peer) || configuration.votersOutgoing.includes(peer)
}

/** Whether `peer` alone is the quorum: it need not wait for anybody. */
export function isSoleVoter(configuration: Configuration, peer: PeerId): boolean {
  return !isJoint(configuration) && configuration.voters.length === 1 && configuration.voters[0] === peer
}

/** Whoever has a vote, in either half. */
export function allVoters(configuration: Configuration): ReadonlySet<PeerId> {
  return new Set([...configuration.voters, ...configuration.votersOutgoing])
}

/** Everybody who gets the log. */
export function members(configuration: Configuration): ReadonlySet<PeerId> {
  return new Set([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners])
}

/** The next configuration on the way to the wanted one, or why there is none. `current` is not joint. */
export function enterChange(
  current: Configuration,
  wanted: WantedConfiguration,
): Configuration | 'nothing-to-change' | 'invalid-change' {
  const voters = [...new Set(wanted.voters)].sort()
  const learners = [...new Set(wanted.learners)].sort()
  if (voters.length === 0 || voters.length > LIMITS.raftVotersMax) return 'invalid-change'
  if (learners.length > LIMITS.rosterMax || learners.some((peer) => voters.includes(peer)))
    return 'invalid-change'
  if (!isSame(voters, current.voters))
    return { voters, votersOutgoing: current.voters, learners, leave: wanted.leave ?? 'auto' }
  if (isSame(learners, current.learners)) return 'nothing-to-change'
  return { voters, votersOutgoing: [], learners, leave: 'auto' }
}

/** C_new alone. */
export function leaveJoint(current: Configuration): Configuration {
  return { voters: current.voters, votersOutgoing: [], learners: current.learners, leave: 'auto' }
}

function isSame(left: readonly PeerId[], right: readonly PeerId[]): boolean {
  return left.length === right.length && left.every((peer, at) => peer === right[at])
}
