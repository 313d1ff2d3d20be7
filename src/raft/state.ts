/**
 * The state that the rules of figure 2 work on, and the transitions that every role shares. What only one role
 * needs exists only in that role: a ballot while campaigning, a `Leadership` while leading. The rules are functions
 * over this state: `election.ts` (campaigns and votes), `following.ts` (a follower's side of replication),
 * `leading.ts` and its neighbours (a leader's side).
 */
import { assert, LIMITS, type LogIndex, type PeerId, present, type Random, type Term } from '../base/index.ts'
import { allVoters, type Configuration } from './configuration.ts'
import { decodeConfiguration } from './configuration-codec.ts'
import type { ConfigurationHistory } from './configuration-history.ts'
import type { Entry, HardState } from './entry.ts'
import type { Leadership } from './leadership.ts'
import type { RaftLog } from './log.ts'
import type { RaftMessage, StepResult } from './messages.ts'
import type { RaftOptions } from './options.ts'
import type { ConfirmedRead, ReadId } from './proposal.ts'
import type { Ballot } from './quorum.ts'
import type { Snapshot } from './snapshot.ts'

type RoleState =
  | { readonly role: 'follower'; readonly leader: PeerId | undefined }
  | { readonly role: 'pre-candidate'; readonly ballot: Ballot }
  | { readonly role: 'candidate'; readonly ballot: Ballot }
  | { readonly role: 'leader'; readonly leadership: Leadership }

export const HANDLED: StepResult = { outcome: 'handled' }

interface RaftStateInit {
  readonly self: PeerId
  readonly options: RaftOptions
  readonly random: Random
  readonly log: RaftLog
  readonly configurations: ConfigurationHistory
  readonly hardState: HardState
}

export class RaftState {
  readonly self: PeerId
  readonly options: RaftOptions
  readonly log: RaftLog
  private readonly random: Random
  /** Never falls; persisted before anything that speaks of it leaves. */
  term: Term
  /** Whom this server voted for in `term`. */
  vote: PeerId | undefined
  role: RoleState = { role: 'follower', leader: undefined }
  readonly configurations: ConfigurationHistory
  /** See `HardState`. */
  private readonly votesFrom: LogIndex | undefined
  /**
   * Ticks since the leader was heard, a vote was given or a campaign began; at a leader since the last check of its
   * quorum.
   */
  electionElapsed = 0
  private electionTimeout = 0
  /** What the leader said in its last heartbeat (`HeartbeatRequest.pace`). */
  private pace = 1
  /** Received, in the place of the log already, and not durable yet. */
  pendingSnapshot: Snapshot | undefined
  /** May leave at once. */
  messages: RaftMessage[] = []
  /** Depend on what is in memory now: they wait until it is on the disk. */
  messagesAfterPersist: RaftMessage[] = []
  /** For the next `Ready`. */
  snapshotsWanted: PeerId[] = []
  confirmedReads: ConfirmedRead[] = []
  private lastReadId: ReadId = 0

  constructor(init: RaftStateInit) {
    this.self = init.self
    this.options = init.options
    this.random = init.random
    this.log = init.log
    this.configurations = init.configurations
    this.term = init.hardState.term
    this.vote = init.hardState.vote
    this.votesFrom = init.hardState.votesFrom
    this.restartElectionTimer()
  }

  get leader(): PeerId | undefined {
    if (this.role.role === 'leader') return this.self
    return this.role.role === 'follower' ? this.role.leader : undefined
  }

  /** The one in effect. */
  get configuration(): Configuration {
    return this.configurations.current
  }

  get hardState(): HardState {
    const { term, vote, votesFrom } = this
    const hardState = { term, vote, commitIndex: this.log.commitIndex }
    return this.mayVote || votesFrom === undefined ? hardState : { ...hardState, votesFrom }
  }

  /**
   * Whether this server has learned again what its vote may depend on, if it lost its store. Its log has the entry at `votesFrom`
   * from a leader of the saved term or a later one, all of which have what was committed there (Leader Completeness): no
   * candidate without that entry gets its vote, and none is elected under the configuration in which it voted before.
   */
  get mayVote(): boolean {
    return this.votesFrom === undefined || this.log.lastIndex >= this.votesFrom
  }

  /** Whether an election may begin here. A snapshot under way is no time for it: the log is not on the disk. */
  get mayCampaign(): boolean {
    return this.mayVote && this.pendingSnapshot === undefined && this.configurations.mayCampaign(this.self)
  }

  /** §8: whether this leader knows everything that was committed before its term. */
  get hasCommittedInTerm(): boolean {
    return this.log.commitIndex > 0 && this.log.termAt(this.log.commitIndex) === this.term
  }

  /** At most 0 when the leader is silent for longer than it should be. A learner hears of it more rarely, and two heartbeats may be lost. */
  get ticksUntilTimeout(): number {
    const isLearner = !this.configurations.mayCampaign(this.self)
    const timeout = isLearner ? 3 * this.options.learnerHeartbeatTicks : this.electionTimeout * this.pace
    return timeout - this.electionElapsed
  }

  /**
   * A leader was heard of within the shortest election timeout, or is this server: no vote is given, so that a
   * server that was cut off or removed cannot depose a leader that works (§6, thesis §4.2.3).
   */
  get isLeaderLeaseInForce(): boolean {
    return this.leader !== undefined && this.electionElapsed < this.options.electionTicks * this.pace
  }

  get isOverloaded(): boolean {
    return this.messages.length + this.messagesAfterPersist.length >= LIMITS.raftWaitingAnswersMax
  }

  /** A new timeout for each campaign keeps servers from campaigning in step (§5.2). */
  restartElectionTimer(): void {
    const { electionTicks } = this.options
    this.electionElapsed = 0
    this.pace = 1
    this.electionTimeout = this.random.integer(electionTicks, 2 * electionTicks - 1)
  }

  /** The leader was heard, or a vote was given: no campaign for a while. @param pace of the leader's next messages. */
  delayElection(pace = 1): void {
    // A timer that was shortened is of full length again.
    if (this.electionTimeout < this.options.electionTicks) this.restartElectionTimer()
    else this.electionElapsed = 0
    this.pace = pace
  }

  /**
   * The connection to the leader broke: no verdict, but reason enough to ask the others, which PreVote makes harmless. The
   * voters take turns, two ticks apart: a whole election fits between two of them, so they do not split the vote, which
   * random delays within so short a time often would.
   */
  leaderLost(): void {
    if (this.role.role !== 'follower' || this.role.leader === undefined) return
    const rivals = [...allVoters(this.configuration)].filter((peer) => peer !== this.leader).sort()
    this.role = { role: 'follower', leader: undefined }
    this.electionElapsed = 0
    this.pace = 1
    this.electionTimeout = Math.min(1 + 2 * Math.max(rivals.indexOf(this.self), 0), this.electionTimeout)
  }

  newReadId(): ReadId {
    this.lastReadId++
    return this.lastReadId
  }

  /**
   * Follower in `term`, under `leader` if one is known. Only a server that gives up a role restarts its timer: a
   * higher term alone is no sign of a leader.
   */
  becomeFollower(term: Term, leader: PeerId | undefined): void {
    assert(term >= this.term, 'the term never falls')
    if (term > this.term) {
      this.term = term
      this.vote = undefined
    }
    if (this.role.role !== 'follower') this.restartElectionTimer()
    this.role = { role: 'follower', leader }
  }

  /** An entry became part of the log: if it is a configuration, that takes effect. */
  noteAppended(entry: Entry): void {
    if (entry.kind === 'configuration')
      this.configurations.append(entry.index, decodeConfiguration(entry.data))
  }

  /** A follower takes a leader's entries in place of everything from the first of them on. */
  replaceFrom(entries: readonly Entry[]): void {
    this.log.replaceFrom(entries)
    this.configurations.dropFrom(present(entries[0], 'first entry').index)
    for (const entry of entries) this.noteAppended(entry)
  }

  /** A follower drops its whole log for a snapshot, which is yet to be made durable. */
  takeSnapshot(snapshot: Snapshot): void {
    const { index, term, configuration } = snapshot
    this.log.reset({ index, term, configuration })
    this.configurations.reset(index, decodeConfiguration(configuration))
    this.pendingSnapshot = snapshot
  }

  /** It is durable, and the state machine holds it. */
  snapshotInstalled(): void {
    this.pendingSnapshot = undefined
    this.log.installed()
  }

  /** A follower learns that everything up to `index` is committed. */
  learnCommit(index: LogIndex): void {
    if (index <= this.log.commitIndex) return
    this.log.commitTo(index)
    this.configurations.commitTo(index)
  }
}
