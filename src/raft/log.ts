/**
 * The log of one server, in memory, with the four marks that a log has here. Always
 *
 *     handed out ≤ min(commit, persisted)      persisted ≤ being written ≤ last
 *
 * The commit index may run ahead of the persisted one: a leader may say that a quorum has an entry which this
 * server is still writing. Entries lie in one array, contiguous from `FIRST_INDEX`: every access is index
 * arithmetic. Compaction will make the first index a field that rises, with the term before it kept beside.
 */
import { assert, type LogIndex, logIndex, present, type Term, term } from '../base/index.ts'
import type { Entry, EntryKind } from './entry.ts'

const FIRST_INDEX = 1
/** What an entry costs beyond its data, in memory and on the wire: index, term, kind, framing. Rounded up. */
const ENTRY_OVERHEAD_BYTES = 32

export function entryBytes(data: Uint8Array): number {
  return data.byteLength + ENTRY_OVERHEAD_BYTES
}

export class RaftLog {
  private readonly entries: Entry[]
  private commit: number
  private persisted: number
  /** Last index of the write under way that still holds what is being written; `persisted` when there is none. */
  private writing: number
  private handedOut: number

  /** @param entries contiguous, and on the disk already. @param applied what the state machine has already. */
  constructor(entries: readonly Entry[], commit: LogIndex, applied: LogIndex) {
    this.entries = [...entries]
    this.commit = commit
    this.persisted = this.lastIndex
    this.writing = this.persisted
    this.handedOut = applied
  }

  get lastIndex(): LogIndex {
    return logIndex(FIRST_INDEX - 1 + this.entries.length)
  }

  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? term(0)
  }

  get commitIndex(): LogIndex {
    return logIndex(this.commit)
  }

  get persistedIndex(): LogIndex {
    return logIndex(this.persisted)
  }

  /** `undefined` where the log has no entry. Index 0, before the first, has term 0. */
  termAt(index: number): Term | undefined {
    return index === 0 ? term(0) : this.entries[index - FIRST_INDEX]?.term
  }

  entryAt(index: number): Entry {
    return present(this.entries[index - FIRST_INDEX], `entry ${index}`)
  }

  /** §5.4.1: whether a log that ends there is at least as up-to-date as this one. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)
  }

  /** A leader's own: it only ever appends (§5.3, Leader Append-Only). */
  append(entryTerm: Term, kind: EntryKind, data: Uint8Array): Entry {
    const entry: Entry = { index: logIndex(this.lastIndex + 1), term: entryTerm, kind, data }
    this.entries.push(entry)
    return entry
  }

  /** A leader's entries from `first` on, at least one, up to about `bytesMax`. */
  slice(first: LogIndex, bytesMax: number): readonly Entry[] {
    return this.page(first, this.lastIndex, bytesMax)
  }

  /** A leader's entries from the first on that this log lacks or holds differently. */
  missing(entries: readonly Entry[]): readonly Entry[] {
    const at = entries.findIndex((entry) => this.termAt(entry.index) !== entry.term)
    return at === -1 ? [] : entries.slice(at)
  }

  /**
   * Replaces everything from the first of `entries` on. The caller has refused what would touch a committed entry.
   */
  replaceFrom(entries: readonly Entry[]): void {
    const keep = present(entries[0], 'first entry').index - 1
    assert(keep >= this.commit, 'a committed entry is never replaced')
    assert(keep <= this.lastIndex, 'the log has no gaps')
    this.entries.length = keep - FIRST_INDEX + 1
    for (const entry of entries) this.entries.push(entry)
    // What the disk holds, or is being given, from here on is not this log any more, not even if an entry of
    // the same index and term came back later (the ABA case).
    this.persisted = Math.min(this.persisted, keep)
    this.writing = Math.min(this.writing, keep)
  }

  /**
   * The largest index up to `index` whose term is at most `otherTerm`: above it, the two logs cannot agree. Terms
   * never fall along a log, so it is found by halving.
   */
  lastNotAfter(index: number, otherTerm: Term): LogIndex {
    let low = 0
    let high = Math.min(index, this.lastIndex)
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (present(this.termAt(middle), 'term inside the log') <= otherTerm) low = middle
      else high = middle - 1
    }
    return logIndex(low)
  }

  commitTo(index: number): void {
    assert(index >= this.commit, 'the commit index never falls')
    assert(index <= this.lastIndex, 'only what the log has can be committed')
    this.commit = index
  }

  get hasUnpersisted(): boolean {
    return this.writing < this.lastIndex
  }

  /** Everything that is not on the disk, as one write that begins now. */
  beginWrite(): readonly Entry[] {
    const first = this.writing + 1
    this.writing = this.lastIndex
    return this.entries.slice(first - FIRST_INDEX)
  }

  /** The write is on the disk: all of it counts, except what was replaced meanwhile. */
  finishWrite(): void {
    this.persisted = this.writing
  }

  get hasCommittedToHandOut(): boolean {
    return this.handedOut < Math.min(this.commit, this.persisted)
  }

  /** The next committed and persisted entries, each once. */
  handOutCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommittedToHandOut) return []
    const page = this.page(this.handedOut + 1, Math.min(this.commit, this.persisted), bytesMax)
    this.handedOut += page.length
    return page
  }

  private page(first: number, last: number, bytesMax: number): readonly Entry[] {
    let end = first
    let bytes = 0
    for (; end <= last; end++) {
      bytes += entryBytes(this.entryAt(end).data)
      if (bytes > bytesMax && end > first) break
    }
    return this.entries.slice(first - FIRST_INDEX, end - FIRST_INDEX)
  }
}
