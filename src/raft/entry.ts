import type { LogIndex, PeerId, Term } from '../base/index.ts'

/**
 * What an entry carries. `empty` is the entry a new leader appends to commit an entry of its own term;
 * `command` is opaque to consensus; `configuration` is an encoded `Configuration`, whole (not a difference).
 */
export type EntryKind = 'empty' | 'command' | 'configuration'

/** One entry of the replicated log. Immutable once made. */
export interface Entry {
  readonly index: LogIndex
  readonly term: Term
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/** What must be on disk before any message that depends on it leaves (figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term
  readonly vote: PeerId | undefined
  readonly commitIndex: LogIndex
  /**
   * Absent on a healthy server. A store that was rebuilt has forgotten votes and entries: it votes for nobody, and does not
   * campaign, before its log reaches this index. There lies a committed entry of `term`, by which the group had removed
   * it, so that what it forgot cannot be missed.
   */
  readonly votesFrom?: LogIndex
}
