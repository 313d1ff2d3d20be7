/**
 * Who votes (§6; thesis chapter 4), changed by joint consensus only.
 *
 * A change from C_old to C_new goes through two log entries: the joint configuration (every decision needs a
 * majority of both) and, proposed by the leader itself once that is committed, C_new alone. Each entry holds the
 * whole configuration, not a difference. As in the paper, a server acts under the newest configuration *in its
 * log*, committed or not, and goes back to the one before when the entry is replaced (`ConfigurationHistory`).
 *
 * Rejected: letting a configuration take effect when it is committed or applied, as etcd does. A member of C_new
 * may hold the last entry without knowing that it is committed; it then still needs votes of C_old, whose members
 * may have longer logs and no wish to campaign, or may be switched off, because they were told that they are
 * removed. Our random tests found a group wedged like that within a hundred runs. Under the paper's rule the
 * members of C_new are enough. Also rejected: changes of one server without a joint phase (a second path with its
 * own traps; the joint phase costs one entry), and differences as entries (a restart would have to replay them
 * all).
 *
 * Learners will be a third list here, and part of `members`.
 */
import { LIMITS, type LogIndex, logIndex, type PeerId } from '../base/index.ts'

export interface Configuration {
  /** Sorted, without repetition. Empty only on a server that has not been told anything yet. */
  readonly voters: readonly PeerId[]
  /** The old voters while the change is joint; else empty. */
  readonly votersOutgoing: readonly PeerId[]
}

/** What is asked for. Adding a present voter or removing an absent one is no error, only no change. */
export interface ConfigurationChange {
  readonly addVoters: readonly PeerId[]
  readonly removeVoters: readonly PeerId[]
}

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

/** Everybody who gets the log. */
export function members(configuration: Configuration): ReadonlySet<PeerId> {
  return new Set([...configuration.voters, ...configuration.votersOutgoing])
}

/** The joint configuration for a change, or why there is none. `current` is not joint. */
export function enterJoint(
  current: Configuration,
  change: ConfigurationChange,
): Configuration | 'nothing-to-change' | 'invalid-change' {
  const removed = new Set(change.removeVoters)
  if (change.addVoters.some((peer) => removed.has(peer))) return 'invalid-change'
  const voters = [...new Set([...current.voters, ...change.addVoters])]
    .filter((peer) => !removed.has(peer))
    .sort()
  if (voters.length === 0 || voters.length > LIMITS.raftVotersMax) return 'invalid-change'
  if (voters.length === current.voters.length && voters.every((peer, at) => peer === current.voters[at]))
    return 'nothing-to-change'
  return { voters, votersOutgoing: current.voters }
}

/** C_new alone. */
export function leaveJoint(current: Configuration): Configuration {
  return { voters: current.voters, votersOutgoing: [] }
}

interface Placed {
  readonly index: LogIndex
  readonly configuration: Configuration
}

const NONE: Placed = { index: logIndex(0), configuration: { voters: [], votersOutgoing: [] } }

/** The last configuration that is known to be committed, and all after it in the log: the last of them counts. */
export class ConfigurationHistory {
  private readonly list: Placed[] = [NONE]

  /** The one in effect. */
  get current(): Configuration {
    return this.newest.configuration
  }

  /** Where it lies in the log; 0 if there is none. */
  get currentIndex(): LogIndex {
    return this.newest.index
  }

  /** A configuration entry was appended to the log. */
  append(index: LogIndex, configuration: Configuration): void {
    this.list.push({ index, configuration })
  }

  /** The log is replaced from `index` on, which is not committed. */
  dropFrom(index: LogIndex): void {
    while (this.list.length > 1 && this.newest.index >= index) this.list.pop()
  }

  /** Everything up to `index` is committed. Returns whether a configuration is among what is newly committed. */
  commitTo(index: LogIndex): boolean {
    let isNews = false
    while ((this.list[1]?.index ?? Number.POSITIVE_INFINITY) <= index) {
      this.list.shift()
      isNews = true
    }
    return isNews
  }

  /**
   * Whether this server should campaign: while a configuration without it is not committed, it may be the only one
   * that has it (thesis §4.2.2). Its vote counts only where the newest one names it.
   */
  mayCampaign(self: PeerId): boolean {
    return this.list.some((placed) => isVoter(placed.configuration, self))
  }

  /** Everybody who should get the log: also who leaves, until the entry that says so is committed. */
  everybody(): ReadonlySet<PeerId> {
    return new Set(this.list.flatMap((placed) => [...members(placed.configuration)]))
  }

  private get newest(): Placed {
    return this.list.at(-1) ?? NONE
  }
}
