/**
 * What a leader knows of one follower's log, and how fast it may send (thesis §10.2.1; etcd's `tracker`).
 *
 * `probe`: where the logs meet is not known; one message, then wait for its answer or for the next heartbeat's.
 * `replicate`: they meet at `matchIndex`; messages follow each other without waiting, at most
 * `maxInflightAppends`. A rejection, which then means a lost or overtaken message, goes back to `probe`.
 */
import { type LogIndex, logIndex } from '../base/index.ts'
import type { ProgressView } from './status.ts'

export class Progress implements ProgressView {
  matchIndex: LogIndex = logIndex(0)
  nextIndex: LogIndex
  mode: 'probe' | 'replicate' = 'probe'
  active: boolean
  private readonly inflightMax: number
  /** Last index of each append with entries on its way, ascending. */
  private readonly window: LogIndex[] = []
  /** Probe: the one message is on its way. */
  private waiting = false
  /** Replicate: nothing was heard of the last entries; ask with an empty append whether they arrived. */
  private doubted = false
  /** The newest commit index that was put into an append. */
  private commitSent = logIndex(0)

  constructor(nextIndex: LogIndex, active: boolean, inflightMax: number) {
    this.nextIndex = nextIndex
    this.active = active
    this.inflightMax = inflightMax
  }

  get inflight(): number {
    return this.window.length
  }

  /** Whether an append should leave now. */
  wantsAppend(lastIndex: LogIndex, commitIndex: LogIndex): boolean {
    if (this.mode === 'probe') return !this.waiting
    return this.doubted || this.mayCarryEntries(lastIndex) || this.commitSent < commitIndex
  }

  /** Whether that append may have entries in it. */
  mayCarryEntries(lastIndex: LogIndex): boolean {
    return this.nextIndex <= lastIndex && this.window.length < this.inflightMax
  }

  sent(entryCount: number, commitIndex: LogIndex): void {
    this.commitSent = commitIndex
    this.doubted = false
    if (this.mode === 'probe') {
      this.waiting = true
      return
    }
    if (entryCount === 0) return
    this.nextIndex = logIndex(this.nextIndex + entryCount)
    this.window.push(logIndex(this.nextIndex - 1))
  }

  /** The follower has everything up to `matchIndex`. Returns whether that is news. */
  accepted(matchIndex: LogIndex): boolean {
    if (this.mode === 'probe' && matchIndex >= this.matchIndex) {
      this.mode = 'replicate'
      this.nextIndex = logIndex(matchIndex + 1)
    }
    const isNews = matchIndex > this.matchIndex
    if (isNews) this.matchIndex = matchIndex
    if (this.nextIndex <= matchIndex) this.nextIndex = logIndex(matchIndex + 1)
    let freed = 0
    while (freed < this.window.length && (this.window[freed] ?? 0) <= matchIndex) freed++
    this.window.splice(0, freed)
    return isNews
  }

  /**
   * The follower has no entry like ours at `rejectedIndex`, but may have one at `agreeIndex`. An answer to anything
   * but what is on its way now is old, and changes nothing; nor does one that denies what was acknowledged before:
   * it is old, too, or the follower has lost its disk, and asking it again at once would never end.
   */
  rejected(rejectedIndex: LogIndex, agreeIndex: LogIndex): void {
    if (rejectedIndex <= this.matchIndex) return
    if (this.mode === 'replicate') {
      this.mode = 'probe'
      this.window.length = 0
      this.nextIndex = logIndex(this.matchIndex + 1)
      this.waiting = false
      return
    }
    if (rejectedIndex !== this.nextIndex - 1) return
    this.nextIndex = logIndex(Math.max(this.matchIndex, Math.min(agreeIndex, rejectedIndex - 1)) + 1)
    this.waiting = false
  }

  /** It answered a heartbeat: what was not acknowledged by now may be lost. */
  answeredHeartbeat(lastIndex: LogIndex): void {
    this.waiting = false
    if (this.matchIndex < lastIndex) this.doubted = true
  }
}
