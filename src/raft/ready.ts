/**
 * What the driver has to do for the core. It takes a `Ready` whenever `hasReady()` says so, also while things of
 * earlier ones are still under way:
 *
 * - `messages` leave now. None of them depends on anything that is not on the disk: what does (votes, every acknowledgement)
 *   comes in a later `Ready`, after `writeDone()`.
 * - `write` is begun, in parallel. At most one is outstanding: no other comes before `writeDone()` says that it is
 *   durable. What is proposed and received meanwhile collects for the next one, which is how proposals share a disk write
 *   (group commit). A leader goes on replicating, and takes its followers' commits, while its own disk works (thesis §10.2.1).
 * - `committedEntries` are applied. No others come before `applied()` says that it is done.
 * - `compaction` goes to the store after the state commit that covers it, which is the last one that was made.
 * - `snapshotsWanted` are answered with `provideSnapshot`, now or later.
 *
 * A write that fails is never reported done, and the driver stops: nothing that depended on it has left.
 */
import type { PeerId, Term } from '../base/index.ts'
import type { Configuration } from './configuration.ts'
import type { Entry } from './entry.ts'
import type { LogBase } from './log-base.ts'
import type { LogWrite } from './log-store.ts'
import type { RaftMessage } from './messages.ts'
import type { ConfirmedRead } from './proposal.ts'
import type { Snapshot } from './snapshot.ts'

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

export interface RoleChange {
  readonly role: Role
  readonly term: Term
  /** As far as this server knows. */
  readonly leader: PeerId | undefined
}

/**
 * `hardState` is present when term or vote changed, beside a snapshot, and when entries are written and the commit index moved
 * since the last write. A moved commit index alone causes no write: it is found again after a restart, from the leader or by an
 * election.
 */
export interface ReadyWrite extends LogWrite {
  /**
   * In one atomic step with `hardState` it replaces the whole log (its base becomes that of the snapshot), and all records of the
   * state machine. Then there are no entries, and no apply is under way. When `writeDone()` is called, the state
   * machine has taken it over.
   */
  readonly snapshot: Snapshot | undefined
}

export interface Ready {
  readonly messages: readonly RaftMessage[]
  readonly write: ReadyWrite | undefined
  /**
   * Committed, on this server's own disk already, in order, each exactly once per life of the core; of all kinds,
   * so that indexes have no gap (but where a snapshot took their place). At most about `LIMITS.raftReadyBytesMax` bytes; the
   * rest comes in a later `Ready`.
   */
  readonly committedEntries: readonly Entry[]
  /** The log may begin there from now on. */
  readonly compaction: LogBase | undefined
  /** Followers that lack entries which this leader has compacted. */
  readonly snapshotsWanted: readonly PeerId[]
  /** No other leader had been elected when these were accepted: see `ReadResult`. */
  readonly reads: readonly ConfirmedRead[]
  /** When role, term or leader differ from what was last reported. */
  readonly roleChange: RoleChange | undefined
  /**
   * When another configuration took effect (see `configuration.ts` for when it does). The core acts on it by
   * itself.
   */
  readonly configuration: Configuration | undefined
}
