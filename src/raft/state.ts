/**
 * The state that the rules of figure 2 work on, and the transitions that every role shares. What only one role
 * needs exists only in that role: a ballot while campaigning, a `Leadership` while leading. The rules are functions
 * over this state: `election.ts` (campaigns and votes), `following.ts` (a follower's side of replication),
 * `leading.ts` (a leader's side, the commit rule).
 */
import { assert, LIMITS, type LogIndex, type PeerId, present, type Random, type Term } from '../base/index.ts'
import { type Configuration, ConfigurationHistory } from './configuration.ts'
import { decodeConfiguration } from './configuration-codec.ts'
import type { Entry, HardState } from './entry.ts'
import type { Leadership } from './leadership.ts'
import type { RaftLog } from './log.ts'
import type { RaftMessage, StepResult } from './messages.ts'
import type { RaftOptions } from './options.ts'
import type { Ballot } from './quorum.ts'

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
  readonly term: Term
  readonly vote: PeerId | undefined
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
  readonly configurations = new ConfigurationHistory()
  /**
   * Ticks since the leader was heard, a vote was given or a campaign began; at a leader since the last check of its
   * quorum.
   */
  electionElapsed = 0
  private electionTimeout = 0
  /** May leave at once. */
  messages: RaftMessage[] = []
  /** Wait for the next write. */
  messagesAfterPersist: RaftMessage[] = []

  constructor(init: RaftStateInit) {
    this.self = init.self
    this.options = init.options
    this.random = init.random
    this.log = init.log
    this.term = init.term
    this.vote = init.vote
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
    return { term: this.term, vote: this.vote, commitIndex: this.log.commitIndex }
  }

  get electionTimedOut(): boolean {
    return this.electionElapsed >= this.electionTimeout
  }

  /**
   * A leader was heard of within the shortest election timeout, or is this server: no vote is given, so that a
   * server that was cut off or removed cannot depose a leader that works (§6, thesis §4.2.3).
   */
  get isLeaderLeaseInForce(): boolean {
    return this.leader !== undefined && this.electionElapsed < this.options.electionTicks
  }

  get isOverloaded(): boolean {
    return this.messages.length + this.messagesAfterPersist.length >= LIMITS.raftWaitingAnswersMax
  }

  /** A new timeout for each campaign keeps servers from campaigning in step (§5.2). */
  restartElectionTimer(): void {
    const { electionTicks } = this.options
    this.electionElapsed = 0
    this.electionTimeout = this.random.integer(electionTicks, 2 * electionTicks - 1)
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

  /** A follower learns that everything up to `index` is committed. */
  learnCommit(index: LogIndex): void {
    if (index <= this.log.commitIndex) return
    this.log.commitTo(index)
    this.configurations.commitTo(index)
  }
}
