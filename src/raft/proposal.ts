import type { LogIndex, PeerId, Term } from '../base/index.ts'

interface NotLeader {
  readonly accepted: false
  readonly reason: 'not-leader'
  /** Whom to ask instead, as far as this server knows. */
  readonly leader: PeerId | undefined
}

/**
 * `accepted` is no promise: the entry is in the leader's log at that index and term. It is done when it comes out
 * of `committedEntries` with both, and lost for good when an entry of another term comes out at that index.
 */
export type ProposeResult =
  | { readonly accepted: true; readonly index: LogIndex; readonly term: Term }
  | NotLeader
  | { readonly accepted: false; readonly reason: ProposalRefusal }

export type ProposalRefusal =
  /** Larger than one append message may be (`maxAppendBytes`, some bytes of overhead included). */
  | 'too-large'
  /** Would exceed `maxUncommittedBytes`: try again when something was committed and applied. */
  | 'too-many-uncommitted'
  /** Leadership is being handed over: ask again, the next leader soon. */
  | 'transferring'
  /** Another change is under way, or the leader has not committed an entry of its own term yet: try again. */
  | 'configuration-pending'
  /** The configuration is like that already. */
  | 'nothing-to-change'
  /** No voter, more than `LIMITS.raftVotersMax`, too many learners, or one peer in both lists. */
  | 'invalid-change'

/** `accepted`: the leader has begun. Whether the other one took over is seen by the role change, or its absence. */
export type TransferResult =
  | { readonly accepted: true }
  | NotLeader
  /** Only another voter of the configuration that stays can take over; one transfer at a time. */
  | { readonly accepted: false; readonly reason: 'not-a-voter' | 'transferring' }

/**
 * An accepted read comes out of `Ready.reads` under its id, or is lost with the leadership: as soon as a `Ready` says that
 * role or term changed, every read accepted before and not confirmed by then never will be.
 */
export type ReadResult =
  | { readonly accepted: true; readonly id: ReadId }
  | NotLeader
  /**
   * `nothing-committed-in-term`: a new leader may not know yet what else was committed (§8): try again soon.
   * `too-many-reads`: `LIMITS.raftReadsPendingMax` wait for their confirmation.
   */
  | { readonly accepted: false; readonly reason: 'nothing-committed-in-term' | 'too-many-reads' }

/** Rises with each read of one life of the core. */
export type ReadId = number

/** The state machine may answer the read once it has applied `index`. */
export interface ConfirmedRead {
  readonly id: ReadId
  readonly index: LogIndex
}
