/**
 * The log of one server, in memory, from where it was last cut. Always
 *
 *     base ≤ applied ≤ handed out ≤ min(commit, persisted)      persisted ≤ being written ≤ last
 *
 * (but for a snapshot that is not installed yet: then the base is already its own, and runs ahead of what is handed out).
 * The commit index may run ahead of the persisted one: a leader may say that a quorum has an entry which this
 * server is still writing. Entries lie in one array, contiguous from `base + 1`: every access is index arithmetic, and an
 * append costs O(1).
 */
import { assert, type LogIndex, logIndex, present, type Term } from '../base/index.ts'
import type { Entry, EntryKind } from './entry.ts'
import type { LogBase } from './log-base.ts'

/** What an entry costs beyond its data, in memory and on the wire: index, term, kind, framing. Rounded up. */
const ENTRY_OVERHEAD_BYTES = 32

export function entryBytes(data: Uint8Array): number {
  return data.byteLength + ENTRY_OVERHEAD_BYTES
}

export class RaftLog {
  private readonly entries: Entry[]
  private base: LogBase
  private commit: number
  private persisted: number
  /** Last index of the write under way that still holds what is being written; `persisted` when there is none. */
  private writing: number
  private handedOut: number
  private applied: number
  /** Of the entries up to `applied`, and of those after it. */
  private appliedBytes = 0
  private laterBytes = 0

  /** @param entries contiguous from the base, and on the disk already. @param applied what the state machine has already. */
  constructor(base: LogBase, entries: readonly Entry[], commit: LogIndex, applied: LogIndex) {
    this.base = base
    this.entries = [...entries]
    this.commit = commit
    this.persisted = this.lastIndex
    this.writing = this.persisted
    this.handedOut = applied
    this.applied = applied
    for (const { index, data } of entries) {
      if (index <= applied) this.appliedBytes += entryBytes(data)
      else this.laterBytes += entryBytes(data)
    }
  }

  get baseIndex(): LogIndex {
    return this.base.index
  }

  get lastIndex(): LogIndex {
    return logIndex(this.base.index + this.entries.length)
  }

  get lastTerm(): Term {
    return this.entries.at(-1)?.term ?? this.base.term
  }

  get commitIndex(): LogIndex {
    return logIndex(this.commit)
  }

  get persistedIndex(): LogIndex {
    return logIndex(this.persisted)
  }

  get appliedIndex(): LogIndex {
    return logIndex(this.applied)
  }

  get handedOutIndex(): LogIndex {
    return logIndex(this.handedOut)
  }

  /** Of the entries that are not applied: what memory holds of a group that stands still. */
  get unappliedBytes(): number {
    return this.laterBytes
  }

  /** `undefined` where the log has no entry, but for its base. */
  termAt(index: number): Term | undefined {
    return index === this.base.index ? this.base.term : this.entries[index - this.base.index - 1]?.term
  }

  entryAt(index: number): Entry {
    return present(this.entries[index - this.base.index - 1], `entry ${index}`)
  }

  /** §5.4.1: whether a log that ends there is at least as up-to-date as this one. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)
  }

  /** A leader's own: it only ever appends (§5.3, Leader Append-Only). */
  append(entryTerm: Term, kind: EntryKind, data: Uint8Array): Entry {
    const entry: Entry = { index: logIndex(this.lastIndex + 1), term: entryTerm, kind, data }
    this.push(entry)
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
    while (this.lastIndex > keep)
      this.laterBytes -= entryBytes(present(this.entries.pop(), 'last entry').data)
    for (const entry of entries) this.push(entry)
    // What the disk holds, or is being given, from here on is not this log any more, not even if an entry of
    // the same index and term came back later (the ABA case).
    this.persisted = Math.min(this.persisted, keep)
    this.writing = Math.min(this.writing, keep)
  }

  /**
   * The largest index up to `index` whose term is at most `otherTerm`: above it, the two logs cannot agree. Terms
   * never fall along a log, so it is found by halving. What was cut off cannot be ruled out.
   */
  lastNotAfter(index: LogIndex, otherTerm: Term): LogIndex {
    let low: number = this.base.index
    let high = Math.min(index, this.lastIndex)
    if (high < low) return index
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
    const from = this.writing - this.base.index
    this.writing = this.lastIndex
    return this.entries.slice(from)
  }

  /** The write is on the disk: all of it counts, except what was replaced meanwhile. */
  finishWrite(): void {
    this.persisted = this.writing
  }

  /** Whether entries are with the driver, which has not applied them yet. */
  get isApplying(): boolean {
    return this.applied < this.handedOut
  }

  get hasCommittedToHandOut(): boolean {
    return (
      !this.isApplying &&
      this.handedOut >= this.base.index &&
      this.handedOut < Math.min(this.commit, this.persisted)
    )
  }

  /** The next committed and persisted entries, each once. */
  handOutCommitted(bytesMax: number): readonly Entry[] {
    if (!this.hasCommittedToHandOut) return []
    const page = this.page(this.handedOut + 1, Math.min(this.commit, this.persisted), bytesMax)
    this.handedOut += page.length
    return page
  }

  /** The driver has applied what it was handed, up to `index`. */
  applyTo(index: LogIndex): void {
    assert(index > this.applied && index <= this.handedOut, 'only what was handed out can be applied, once')
    // A snapshot may have taken the place of what was being applied.
    for (let at = Math.max(this.applied, this.base.index) + 1; at <= index; at++) {
      const bytes = entryBytes(this.entryAt(at).data)
      this.laterBytes -= bytes
      this.appliedBytes += bytes
    }
    this.applied = index
  }

  /**
   * Where the log should be cut: `undefined` while its applied part is within both limits, else so that half of them stays.
   */
  cutIndex(entriesMax: number, bytesMax: number): LogIndex | undefined {
    const isWithin = this.applied - this.base.index <= entriesMax && this.appliedBytes <= bytesMax
    if (isWithin || this.applied <= this.base.index) return undefined
    let index: number = this.base.index
    let bytes = this.appliedBytes
    while (this.applied - index > entriesMax / 2 || bytes > bytesMax / 2)
      bytes -= entryBytes(this.entryAt(++index).data)
    return logIndex(index)
  }

  /** Forgets every entry up to the new base, which is applied. */
  cutTo(base: LogBase): void {
    assert(base.index > this.base.index && base.index <= this.applied, 'only what is applied is cut off')
    for (const { data } of this.entries.splice(0, base.index - this.base.index))
      this.appliedBytes -= entryBytes(data)
    this.base = base
  }

  /** A snapshot takes the place of the whole log. Nothing is handed out until `installed()`. */
  reset(base: LogBase): void {
    assert(base.index > this.commit, 'a snapshot of what is committed here is of no use')
    this.entries.length = 0
    this.appliedBytes = 0
    this.laterBytes = 0
    this.base = base
    this.commit = base.index
    this.persisted = base.index
    this.writing = base.index
  }

  /** The state machine is at the base now. */
  installed(): void {
    assert(!this.isApplying, 'a snapshot is installed while nothing is being applied')
    this.handedOut = this.base.index
    this.applied = this.base.index
  }

  private push(entry: Entry): void {
    this.entries.push(entry)
    this.laterBytes += entryBytes(entry.data)
  }

  private page(first: number, last: number, bytesMax: number): readonly Entry[] {
    let end = first
    let bytes = 0
    for (; end <= last; end++) {
      bytes += entryBytes(this.entryAt(end).data)
      if (bytes > bytesMax && end > first) break
    }
    return this.entries.slice(first - this.base.index - 1, end - this.base.index - 1)
  }
}
