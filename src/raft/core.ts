/**
 * The Raft core of one server: messages, ticks and proposals in, a `Ready` out. Synchronous and without any input
 * but these: the same calls give the same results (the random stream is handed in). After etcd-io/raft's `RawNode`;
 * the rules are those of figure 2 of the paper with PreVote and CheckQuorum of the thesis, and lie in
 * `election.ts`, `following.ts` and `leading.ts`; this file is the order in which they are asked.
 *
 * A server with an empty log has an empty configuration: it never campaigns, votes when it is asked to, and takes
 * its log from whoever leads. That is how a machine that joins begins.
 *
 * Peers may crash, repeat and reorder, and may send nonsense: nonsense is refused and changes nothing. They are
 * not expected to lie consistently (Raft is not Byzantine-tolerant); the connection gate is what keeps liars out.
 */
import {
  assert,
  LIMITS,
  type LogIndex,
  type PeerId,
  present,
  type Random,
  unreachable,
} from '../base/index.ts'
import { onAppendAccepted, onAppendRejected, onHeartbeatResponse } from './answers.ts'
import { type Configuration, isSoleVoter, type WantedConfiguration } from './configuration.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import {
  countOwnVote,
  onPreVoteRequest,
  onPreVoteResponse,
  onTimeoutNow,
  onVoteRequest,
  onVoteResponse,
  startPreVote,
} from './election.ts'
import type { HardState } from './entry.ts'
import { onAppendRequest, onHeartbeatRequest, onInstallSnapshot } from './following.ts'
import type { Leadership } from './leadership.ts'
import {
  advanceCommit,
  proposeChange,
  proposeCommand,
  proposeLeave,
  tickLeader,
  ticksOfLeader,
} from './leading.ts'
import { type LogBase, NEVER_COMPACTED } from './log-base.ts'
import type { SavedLog } from './log-store.ts'
import type { RaftMessage, StepResult } from './messages.ts'
import { checkOptions, type RaftOptions } from './options.ts'
import type { ProposeResult, ReadResult, TransferResult } from './proposal.ts'
import { requestRead } from './reading.ts'
import type { Ready, RoleChange } from './ready.ts'
import { answerStale, impossibility } from './reception.ts'
import { hasMessagesToSend, sendMessages, sendSnapshot } from './replication.ts'
import { restore } from './restore.ts'
import type { RaftState } from './state.ts'
import type { RaftStatus } from './status.ts'
import { startTransfer } from './transfer.ts'
import { Writes } from './writes.ts'

interface RaftCoreInit {
  readonly self: PeerId
  /** What `LogStore.load()` gave. */
  readonly saved: SavedLog
  readonly options: RaftOptions
  /** Election jitter; a stream of this server's own. */
  readonly random: Random
  /**
   * The last index whose effects the driver's state machine holds already, not before the base of the log:
   * `committedEntries` begins after it. Default: the base.
   */
  readonly appliedIndex?: LogIndex
}

type NotLeader = Extract<ProposeResult, { readonly reason: 'not-leader' }>

const NO_PROGRESS: RaftStatus['progress'] = new Map()

export class RaftCore {
  private readonly init: RaftCoreInit
  private state: RaftState
  private writes: Writes
  private compaction: LogBase | undefined
  private reported: RoleChange
  private reportedConfiguration: Configuration

  /** @throws CodedError `store.corrupt` when `saved` cannot be the log of a server. */
  constructor(init: RaftCoreInit) {
    this.init = init
    const { self, saved, random, appliedIndex = saved.base.index } = init
    this.state = restore({ self, saved, options: checkOptions(init.options), random, appliedIndex })
    this.writes = new Writes(this.state, saved.hardState)
    this.reported = this.roleChange()
    this.reportedConfiguration = this.state.configuration
  }

  /**
   * A server that had lost its log may take part from now on, as one that votes for nobody before `hardState.votesFrom`,
   * which is on its disk. Only before anything else was asked of it.
   */
  rejoined(hardState: HardState): void {
    const { log, term } = this.state
    assert(term === 0 && log.lastIndex === 0 && !this.writes.isUnderWay, 'only an empty server rejoins')
    const { self, options, random } = this.init
    const saved: SavedLog = { hardState, base: NEVER_COMPACTED, entries: [] }
    this.state = restore({ self, options, random, saved, appliedIndex: NEVER_COMPACTED.index })
    this.writes = new Writes(this.state, hardState)
  }

  /**
   * The next tick but so many is the first that may do something: the driver can let those before it pass unseen, and give them all at
   * once. At least 1. Anything else that is given to the core may change it.
   */
  get ticksUntilDue(): number {
    const { state, writes, leadership } = this
    if (leadership !== undefined)
      return Math.max(1, Math.min(ticksOfLeader(state, leadership), writes.ticksUntilHanging))
    const isAlone = isSoleVoter(state.configuration, state.self) && state.role.role === 'follower'
    return isAlone ? 1 : Math.max(1, state.ticksUntilTimeout)
  }

  /** One tick of time (`RaftOptions` counts in them). */
  tick(): void {
    const { state, writes } = this
    writes.tick()
    if (state.role.role === 'leader') {
      tickLeader(state, state.role.leadership)
      // Followers that hear from it would never look for a leader whose disk works.
      if (writes.isHanging) state.becomeFollower(state.term, undefined)
      return
    }
    state.electionElapsed++
    const isAlone = isSoleVoter(state.configuration, state.self) && state.role.role === 'follower'
    if (state.ticksUntilTimeout > 0 && !isAlone) return
    if (!state.mayCampaign) {
      // It never campaigns; but it does not go on naming a leader that is silent.
      state.becomeFollower(state.term, undefined)
      state.restartElectionTimer()
    } else if (!writes.isUnderWay) {
      // A server whose disk is busy, or hangs, waits: it could not answer for a term of its own now.
      startPreVote(state)
    }
  }

  /** A message from a peer. The caller vouches that `message.from` is who sent it. */
  step(message: RaftMessage): StepResult {
    const { state } = this
    const refusal = impossibility(state, message)
    if (refusal !== undefined) return { outcome: 'refused', reason: refusal }
    if (state.isOverloaded) return { outcome: 'ignored', reason: 'overloaded' }
    if (message.term < state.term) return answerStale(state, message)
    const asksForVote =
      message.type === 'pre-vote-request' || (message.type === 'vote-request' && !message.isTransfer)
    if (asksForVote && state.isLeaderLeaseInForce) return { outcome: 'ignored', reason: 'leader-lease' }
    if (message.term > state.term) state.becomeFollower(message.term, undefined)
    return this.dispatch(message)
  }

  /**
   * The connection to `peer` was closed. A hint, never a verdict: a follower asks the others soon instead of waiting for its
   * leader's silence, and a leader takes what was on its way for lost.
   */
  loseContact(peer: PeerId): void {
    const { state } = this
    if (state.role.role === 'leader') state.role.leadership.progress.get(peer)?.startOver()
    else if (state.leader === peer) state.leaderLost()
  }

  /**
   * Appends `data` as a command to the log, if this server leads. O(1); nothing is written or sent before
   * `ready()`.
   */
  propose(data: Uint8Array): ProposeResult {
    const { leadership } = this
    return leadership === undefined ? this.notLeader() : proposeCommand(this.state, leadership, data)
  }

  /**
   * Begins a change to the wanted configuration, if this server leads; `configuration.ts` tells how it goes on by itself.
   * Voters that are added count at once: they should be reachable, or the group has lost its quorum until they are.
   */
  proposeConfiguration(wanted: WantedConfiguration): ProposeResult {
    const { leadership } = this
    return leadership === undefined ? this.notLeader() : proposeChange(this.state, leadership, wanted)
  }

  /** Ends a joint configuration with `leave: 'explicit'`, once it is committed. */
  leaveJoint(): ProposeResult {
    const { leadership } = this
    return leadership === undefined ? this.notLeader() : proposeLeave(this.state, leadership)
  }

  /** Hands leadership over to `to`; proposals are refused until it leads, or an election timeout has passed. */
  transferLeadership(to: PeerId): TransferResult {
    const { leadership } = this
    return leadership === undefined ? this.notLeader() : startTransfer(this.state, leadership, to)
  }

  /** Asks for an index at which the state machine answers linearizably; it comes in `Ready.reads`. */
  readIndex(): ReadResult {
    const { leadership } = this
    return leadership === undefined ? this.notLeader() : requestRead(this.state, leadership)
  }

  /**
   * A snapshot for a peer of `Ready.snapshotsWanted`. `index`: how far the state machine was when it was made, at least the
   * base of the log. If the peer needs none any more, nothing happens.
   */
  provideSnapshot(peer: PeerId, snapshot: { readonly index: LogIndex; readonly data: Uint8Array }): void {
    const { state, leadership } = this
    if (leadership === undefined) return
    const { baseIndex, handedOutIndex } = state.log
    assert(snapshot.index >= baseIndex && snapshot.index <= handedOutIndex, 'a snapshot of what is applied')
    sendSnapshot(state, leadership, peer, snapshot)
  }

  /** The snapshot for `peer` could not be made or delivered; if it still needs one, it is wanted again. */
  snapshotFailed(peer: PeerId): void {
    const progress = this.leadership?.progress.get(peer)
    if (progress?.mode === 'snapshot') progress.startOver()
  }

  /** Whether `ready()` has anything to do. */
  hasReady(): boolean {
    const { state, leadership } = this
    return (
      state.messages.length > 0 ||
      this.writes.hasNews ||
      state.log.hasCommittedToHandOut ||
      this.compaction !== undefined ||
      state.snapshotsWanted.length > 0 ||
      state.confirmedReads.length > 0 ||
      state.configuration !== this.reportedConfiguration ||
      this.isRoleUnreported() ||
      (leadership !== undefined && hasMessagesToSend(state, leadership))
    )
  }

  /** What is to be done now: see `ready.ts`. */
  ready(): Ready {
    const { state, leadership } = this
    if (leadership !== undefined) sendMessages(state, leadership)
    const write = this.writes.begin()
    const roleChange = this.isRoleUnreported() ? this.roleChange() : undefined
    if (roleChange !== undefined) this.reported = roleChange
    const configuration = state.configuration === this.reportedConfiguration ? undefined : state.configuration
    this.reportedConfiguration = state.configuration
    const ready: Ready = {
      messages: state.messages,
      write,
      committedEntries: state.log.handOutCommitted(LIMITS.raftReadyBytesMax),
      compaction: this.compaction,
      snapshotsWanted: state.snapshotsWanted,
      reads: state.confirmedReads,
      roleChange,
      configuration,
    }
    state.messages = []
    state.snapshotsWanted = []
    state.confirmedReads = []
    this.compaction = undefined
    return ready
  }

  /** The outstanding write is durable; if it was a snapshot, the state machine has taken it over. */
  writeDone(): void {
    const { state } = this
    const { hardState } = this.writes.done()
    if (hardState !== undefined) countOwnVote(state, hardState.term, hardState.vote)
    if (state.role.role === 'leader') advanceCommit(state, state.role.leadership)
  }

  /** The state machine has applied what it was handed, up to `index`, and accepted it for the disk. */
  applied(index: LogIndex): void {
    const { state } = this
    const { log, options } = state
    log.applyTo(index)
    const cut = log.cutIndex(options.compactEntriesMax, options.compactBytesMax)
    if (cut === undefined) return
    const configuration = encodeConfiguration(state.configurations.at(cut))
    const base = { index: cut, term: present(log.termAt(cut), 'term of what is applied'), configuration }
    log.cutTo(base)
    state.configurations.compactTo(cut)
    for (const progress of this.leadership?.progress.values() ?? []) progress.logWasCut(cut)
    this.compaction = base
  }

  get status(): RaftStatus {
    const { state, leadership } = this
    const { log } = state
    return {
      self: state.self,
      role: state.role.role,
      term: state.term,
      leader: state.leader,
      commitIndex: log.commitIndex,
      appliedIndex: log.appliedIndex,
      baseIndex: log.baseIndex,
      lastIndex: log.lastIndex,
      persistedIndex: log.persistedIndex,
      configuration: state.configuration,
      configurationIndex: state.configurations.currentIndex,
      committedConfiguration: state.configurations.at(log.commitIndex),
      appliedInTerm: log.appliedIndex > 0 && log.termAt(log.appliedIndex) === state.term,
      transferTo: leadership?.transfer?.to,
      progress: leadership?.progress ?? NO_PROGRESS,
    }
  }

  private get leadership(): Leadership | undefined {
    const { role } = this.state
    return role.role === 'leader' ? role.leadership : undefined
  }

  private dispatch(message: RaftMessage): StepResult {
    const { state } = this
    switch (message.type) {
      case 'pre-vote-request':
        return onPreVoteRequest(state, message)
      case 'pre-vote-response':
        return onPreVoteResponse(state, message)
      case 'vote-request':
        return onVoteRequest(state, message)
      case 'vote-response':
        return onVoteResponse(state, message)
      case 'append-request':
        return onAppendRequest(state, message)
      case 'heartbeat-request':
        return onHeartbeatRequest(state, message)
      case 'install-snapshot':
        return onInstallSnapshot(state, message)
      case 'timeout-now':
        return onTimeoutNow(state, message)
      case 'append-accepted':
      case 'append-rejected':
      case 'heartbeat-response':
        return this.dispatchToLeader(message)
      default:
        return unreachable(message)
    }
  }

  private dispatchToLeader(
    message: Extract<RaftMessage, { type: 'append-accepted' | 'append-rejected' | 'heartbeat-response' }>,
  ): StepResult {
    const { state } = this
    if (state.role.role !== 'leader') return { outcome: 'ignored', reason: 'not-expected' }
    const { leadership } = state.role
    switch (message.type) {
      case 'append-accepted':
        return onAppendAccepted(state, leadership, message)
      case 'append-rejected':
        return onAppendRejected(state, leadership, message)
      case 'heartbeat-response':
        return onHeartbeatResponse(state, leadership, message)
      default:
        return unreachable(message)
    }
  }

  private notLeader(): NotLeader {
    return { accepted: false, reason: 'not-leader', leader: this.state.leader }
  }

  private roleChange(): RoleChange {
    return { role: this.state.role.role, term: this.state.term, leader: this.state.leader }
  }

  private isRoleUnreported(): boolean {
    const { state, reported } = this
    return (
      state.role.role !== reported.role || state.term !== reported.term || state.leader !== reported.leader
    )
  }
}
