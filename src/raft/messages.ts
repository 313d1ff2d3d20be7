/**
 * What servers say to each other (paper, figures 2 and 13; pre-vote: thesis §9.6, transfer: §3.10, reads: §6.4). `term` is
 * always the sender's current term at the time of sending, in pre-vote messages too (the term that would be campaigned
 * in is one above), so that "Rules for Servers: if a message's term is newer, step to it" is one rule without exceptions.
 */
import type { LogIndex, PeerId, Term } from '../base/index.ts'
import type { Entry } from './entry.ts'
import type { Snapshot } from './snapshot.ts'

interface Envelope {
  readonly from: PeerId
  readonly to: PeerId
  readonly term: Term
}

/** Where a log ends: what voters compare (§5.4.1). */
interface LogEnd {
  readonly lastIndex: LogIndex
  readonly lastTerm: Term
}

/** "Would you vote for me, if I campaigned in the next term?" Changes nothing at either side. */
export interface PreVoteRequest extends Envelope, LogEnd {
  readonly type: 'pre-vote-request'
}

export interface PreVoteResponse extends Envelope {
  readonly type: 'pre-vote-response'
  readonly granted: boolean
}

export interface VoteRequest extends Envelope, LogEnd {
  readonly type: 'vote-request'
  /** The leader itself asked for this election: it is not refused for the leader's sake. */
  readonly isTransfer: boolean
}

export interface VoteResponse extends Envelope {
  readonly type: 'vote-response'
  readonly granted: boolean
}

export interface AppendRequest extends Envelope {
  readonly type: 'append-request'
  /** The entry right before `entries`; 0 with term 0 before the first one. */
  readonly prevIndex: LogIndex
  readonly prevTerm: Term
  /** The leader's commit index; may lie beyond what this message carries. */
  readonly commitIndex: LogIndex
  /** Contiguous from `prevIndex + 1`. Empty: a probe, or news of the commit index only. */
  readonly entries: readonly Entry[]
}

/** "My log equals yours up to `matchIndex`, and is on disk that far." */
export interface AppendAccepted extends Envelope {
  readonly type: 'append-accepted'
  readonly matchIndex: LogIndex
}

/** "I have no entry like the one at `rejectedIndex`; we may agree at `hintIndex`, where mine is of `hintTerm`." */
export interface AppendRejected extends Envelope {
  readonly type: 'append-rejected'
  /** `prevIndex` of the refused request. */
  readonly rejectedIndex: LogIndex
  readonly hintIndex: LogIndex
  readonly hintTerm: Term
}

export interface HeartbeatRequest extends Envelope {
  readonly type: 'heartbeat-request'
  /** The leader's commit index as far as it knows that this follower's log matches. */
  readonly commitIndex: LogIndex
  /** Rises within a term; an answer to it says that the leader was still followed after it asked. */
  readonly round: number
  /** The next heartbeats come so many times more rarely than usual: `RaftOptions.idlePace`, or 1. */
  readonly pace: number
}

export interface HeartbeatResponse extends Envelope {
  readonly type: 'heartbeat-response'
  readonly round: number
}

/** In place of entries that the leader has compacted. Answered like an append, once it is durable. */
export interface InstallSnapshot extends Envelope {
  readonly type: 'install-snapshot'
  readonly snapshot: Snapshot
}

/** "Campaign at once: your log is as long as mine, and I am willing to go." */
export interface TimeoutNow extends Envelope {
  readonly type: 'timeout-now'
}

export type RaftMessage =
  | PreVoteRequest
  | PreVoteResponse
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendAccepted
  | AppendRejected
  | HeartbeatRequest
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow

/**
 * What became of a message. `ignored`: of no use now, which is normal where messages are late, lost and repeated.
 * `refused`: no correct server sends this; nothing but, at most, the term was changed, and the caller should count
 * it and say so.
 */
export type StepResult =
  | { readonly outcome: 'handled' }
  | { readonly outcome: 'ignored'; readonly reason: IgnoreReason }
  | { readonly outcome: 'refused'; readonly reason: RefuseReason }

type IgnoreReason =
  /** From a term that is over. A request was answered with the current term. */
  | 'stale-term'
  /** A request for a (pre-)vote while the leader was heard of within an election timeout (§6, thesis §4.2.3). */
  | 'leader-lease'
  /** An answer to a question that this server no longer asks. */
  | 'not-expected'
  /** An answer from a server that the configuration does not name. */
  | 'unknown-peer'
  /**
   * Too many answers wait for a disk write already (`LIMITS.raftWaitingAnswersMax`), or too many bytes for being applied
   * (twice `maxUncommittedBytes`); the sender will repeat.
   */
  | 'overloaded'
  /** A snapshot is being made durable; until then the log takes nothing. */
  | 'installing-snapshot'

export type RefuseReason =
  /** Not addressed to this server, or from its own id. */
  | 'misaddressed'
  /** Entries with gaps, terms that fall or lie in the future, or a configuration that cannot be read. */
  | 'malformed-entries'
  /** A snapshot of nothing, of a term to come, or with a configuration that cannot be read. */
  | 'malformed-snapshot'
  /** A leader's message in a term that already has another leader. */
  | 'second-leader'
  /** Would replace an entry that is committed. */
  | 'conflicts-with-committed'
  /** Speaks of an index, or a heartbeat round, that the server it is about does not have. */
  | 'beyond-log'
