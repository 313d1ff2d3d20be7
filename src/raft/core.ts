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
  logIndex,
  type PeerId,
  type Random,
  unreachable,
} from '../base/index.ts'
import { type Configuration, type ConfigurationChange, isSoleVoter } from './configuration.ts'
import {
  countOwnVote,
  onPreVoteRequest,
  onPreVoteResponse,
  onVoteRequest,
  onVoteResponse,
  startPreVote,
} from './election.ts'
import type { HardState } from './entry.ts'
import { onAppendRequest, onHeartbeatRequest } from './following.ts'
import {
  advanceCommit,
  hasMessagesToSend,
  onAppendAccepted,
  onAppendRejected,
  onHeartbeatResponse,
  proposeChange,
  proposeCommand,
  sendMessages,
  tickLeader,
} from './leading.ts'
import type { SavedLog } from './log-store.ts'
import type { RaftMessage, StepResult } from './messages.ts'
import { checkOptions, type RaftOptions } from './options.ts'
import type { ProposeResult } from './proposal.ts'
import type { Ready, RoleChange } from './ready.ts'
import { answerStale, impossibility } from './reception.ts'
import { restore } from './restore.ts'
import type { RaftState } from './state.ts'
import type { RaftStatus } from './status.ts'

interface RaftCoreInit {
  readonly self: PeerId
  /** What `LogStore.load()` gave. */
  readonly saved: SavedLog
  readonly options: RaftOptions
  /** Election jitter; a stream of this server's own. */
  readonly random: Random
  /**
   * The last index whose effects the driver's state machine holds already: `committedEntries` begins after it.
   * Default 0: everything committed comes again.
   */
  readonly appliedIndex?: LogIndex
}

const NO_PROGRESS: RaftStatus['progress'] = new Map()

export class RaftCore {
  private readonly state: RaftState
  /** As of the last write that was begun. */
  private written: HardState
  /** Between `ready()` and `advance()`. */
  private isWriting = false
  private reported: RoleChange
  private reportedConfiguration: Configuration

  /** @throws CodedError `store.corrupt` when `saved` cannot be the log of a server. */
  constructor(init: RaftCoreInit) {
    const { self, saved, random, appliedIndex = logIndex(0) } = init
    this.state = restore({ self, saved, options: checkOptions(init.options), random, appliedIndex })
    this.written = saved.hardState ?? this.state.hardState
    this.reported = this.roleChange()
    this.reportedConfiguration = this.state.configuration
  }

  /** One tick of time (`RaftOptions` counts in them). */
  tick(): void {
    const { state } = this
    if (state.role.role === 'leader') {
      tickLeader(state, state.role.leadership)
      return
    }
    state.electionElapsed++
    const isAlone = isSoleVoter(state.configuration, state.self) && state.role.role === 'follower'
    if (!state.electionTimedOut && !isAlone) return
    if (!state.configurations.mayCampaign(state.self)) {
      // It never campaigns; but it does not go on naming a leader that is silent.
      state.becomeFollower(state.term, undefined)
      state.restartElectionTimer()
    } else if (!this.isWriting) {
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
    const asksForVote = message.type === 'pre-vote-request' || message.type === 'vote-request'
    if (asksForVote && state.isLeaderLeaseInForce) return { outcome: 'ignored', reason: 'leader-lease' }
    if (message.term > state.term) state.becomeFollower(message.term, undefined)
    return this.dispatch(message)
  }

  /**
   * Appends `data` as a command to the log, if this server leads. O(1); nothing is written or sent before
   * `ready()`.
   */
  propose(data: Uint8Array): ProposeResult {
    const { role } = this.state
    if (role.role !== 'leader') return this.notLeader()
    return proposeCommand(this.state, role.leadership, data)
  }

  /**
   * Begins a change of the voters, if this server leads; `configuration.ts` tells how it goes on by itself. Voters
   * that are added count at once: they should be reachable, or the group has lost its quorum until they are.
   */
  proposeConfiguration(change: ConfigurationChange): ProposeResult {
    const { role } = this.state
    if (role.role !== 'leader') return this.notLeader()
    return proposeChange(this.state, role.leadership, change)
  }

  /** Whether `ready()` has anything to do. Always false between `ready()` and `advance()`. */
  hasReady(): boolean {
    if (this.isWriting) return false
    const { state } = this
    return (
      state.messages.length > 0 ||
      state.messagesAfterPersist.length > 0 ||
      state.log.hasUnpersisted ||
      state.log.hasCommittedToHandOut ||
      state.configuration !== this.reportedConfiguration ||
      this.isVoteUnwritten() ||
      this.isRoleUnreported() ||
      (state.role.role === 'leader' && hasMessagesToSend(state, state.role.leadership))
    )
  }

  /** What is to be done now. The order is told in `ready.ts`; `advance()` follows before the next call. */
  ready(): Ready {
    assert(!this.isWriting, 'advance() comes before the next ready()')
    const { state } = this
    if (state.role.role === 'leader') sendMessages(state, state.role.leadership)
    const entries = state.log.beginWrite()
    const hasCommitMoved = state.log.commitIndex !== this.written.commitIndex
    const writesHardState = this.isVoteUnwritten() || (entries.length > 0 && hasCommitMoved)
    if (writesHardState) this.written = state.hardState
    const roleChange = this.isRoleUnreported() ? this.roleChange() : undefined
    if (roleChange !== undefined) this.reported = roleChange
    const configuration = state.configuration === this.reportedConfiguration ? undefined : state.configuration
    this.reportedConfiguration = state.configuration
    const ready: Ready = {
      hardState: writesHardState ? this.written : undefined,
      entries,
      messages: state.messages,
      messagesAfterPersist: state.messagesAfterPersist,
      committedEntries: state.log.handOutCommitted(LIMITS.raftReadyBytesMax),
      roleChange,
      configuration,
    }
    state.messages = []
    state.messagesAfterPersist = []
    this.isWriting = true
    return ready
  }

  /** The last `Ready` is done: what it wrote is durable. */
  advance(): void {
    assert(this.isWriting, 'ready() comes before advance()')
    const { state } = this
    this.isWriting = false
    state.log.finishWrite()
    countOwnVote(state, this.written.term, this.written.vote)
    if (state.role.role === 'leader') advanceCommit(state, state.role.leadership)
  }

  get status(): RaftStatus {
    const { state } = this
    const { log, role } = state
    return {
      self: state.self,
      role: role.role,
      term: state.term,
      leader: state.leader,
      commitIndex: log.commitIndex,
      lastIndex: log.lastIndex,
      persistedIndex: log.persistedIndex,
      configuration: state.configuration,
      configurationIndex: state.configurations.currentIndex,
      committedInTerm: log.commitIndex > 0 && log.termAt(log.commitIndex) === state.term,
      progress: role.role === 'leader' ? role.leadership.progress : NO_PROGRESS,
    }
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

  private notLeader(): ProposeResult {
    return { accepted: false, reason: 'not-leader', leader: this.state.leader }
  }

  private roleChange(): RoleChange {
    return { role: this.state.role.role, term: this.state.term, leader: this.state.leader }
  }

  private isVoteUnwritten(): boolean {
    return this.state.term !== this.written.term || this.state.vote !== this.written.vote
  }

  private isRoleUnreported(): boolean {
    const { state, reported } = this
    return (
      state.role.role !== reported.role || state.term !== reported.term || state.leader !== reported.leader
    )
  }
}
