/**
 * What the driver has to do for the core. One `Ready` at a time: `ready()`, then
 *
 * 1. send `messages` and apply `committedEntries` whenever it likes, also while 2 is under way;
 * 2. write `hardState` and `entries` in one durable write (none if both are empty);
 * 3. send `messagesAfterPersist`;
 * 4. `advance()`.
 *
 * Between `ready()` and `advance()` the core may be stepped, ticked and given proposals as usual; what comes of it
 * collects in the next `Ready`, which is how waiting proposals share one disk write (group commit).
 * When the write fails, the driver never calls `advance` and stops: nothing that depended on it has left.
 *
 * Asynchronous storage (several writes under way) will replace 4 by an acknowledgement per write; `RaftLog` already
 * keeps "handed to the disk" apart from "on the disk".
 */
import type { PeerId, Term } from '../base/index.ts'
import type { Configuration } from './configuration.ts'
import type { Entry, HardState } from './entry.ts'
import type { RaftMessage } from './messages.ts'

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

export interface RoleChange {
  readonly role: Role
  readonly term: Term
  /** As far as this server knows. */
  readonly leader: PeerId | undefined
}

export interface Ready {
  /**
   * Present when term or vote changed, or when entries are written and the commit index moved since the last write.
   * A moved commit index alone causes no write: it is found again after a restart, from the leader or by an
   * election.
   */
  readonly hardState: HardState | undefined
  /** To persist; contiguous. The first may be at or below the last stored index: then it replaces from there on. */
  readonly entries: readonly Entry[]
  /** May leave at once: a leader's appends and heartbeats, requests for pre-votes. */
  readonly messages: readonly RaftMessage[]
  /** Must not leave before the write: requests for votes, and every answer. */
  readonly messagesAfterPersist: readonly RaftMessage[]
  /**
   * Committed, on this server's own disk already, in order, each exactly once per life of the core; of all kinds,
   * so that indexes have no gap. At most about `LIMITS.raftReadyBytesMax` bytes; the rest comes in the next
   * `Ready`.
   */
  readonly committedEntries: readonly Entry[]
  /** When role, term or leader differ from what was last reported. */
  readonly roleChange: RoleChange | undefined
  /**
   * When another configuration took effect (see `configuration.ts` for when it does). The core acts on it by
   * itself.
   */
  readonly configuration: Configuration | undefined
}
