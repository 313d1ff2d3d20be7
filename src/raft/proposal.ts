import type { LogIndex, PeerId, Term } from '../base/index.ts'

/**
 * `accepted` is no promise: the entry is in the leader's log at that index and term. It is done when it comes out
 * of `committedEntries` with both, and lost for good when an entry of another term comes out at that index.
 */
export type ProposeResult =
  | { readonly accepted: true; readonly index: LogIndex; readonly term: Term }
  | { readonly accepted: false; readonly reason: 'not-leader'; readonly leader: PeerId | undefined }
  | { readonly accepted: false; readonly reason: ProposalRefusal }

type ProposalRefusal =
  /** Larger than one append message may be (`maxAppendBytes`, some bytes of overhead included). */
  | 'too-large'
  /** Would exceed `maxUncommittedBytes`: try again when something was committed. */
  | 'too-many-uncommitted'
  /** Another change is under way, or the leader has not committed an entry of its own term yet: try again. */
  | 'configuration-pending'
  /** The configuration is like that already. */
  | 'nothing-to-change'
  /** Adds and removes the same peer, leaves no voter, or more than `LIMITS.raftVotersMax`. */
  | 'invalid-change'
