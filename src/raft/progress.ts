/**
 * What a leader knows of one follower's log, and how fast it may send (thesis §10.2.1; etcd's `tracker`).
 *
 * `probe`: where the logs meet is not known; one message, then wait for its answer or for the next heartbeat's.
 * `replicate`: they meet at `matchIndex`; messages follow each other without waiting, as far as the limits on messages and
 * bytes allow. A rejection, which then means a lost or overtaken message, goes back to `probe`.
 * `snapshot`: the entries that the follower lacks are compacted; it gets a snapshot, and no entries until that succeeded or
 * failed, after which a probe finds out where the logs meet. In case the follower's word of its success was lost, each answer to
 * a heartbeat lets an empty append ask for it.
 */
import { type LogIndex, logIndex, type Term } from '../base/index.ts'
import type { RaftOptions } from './options.ts'
import type { ProgressView } from './status.ts'

/** What should leave for a follower now. */
type NextMessage = 'append' | 'snapshot' | 'nothing'

/** What a leader's own log is like, as far as it decides what may be sent. */
interface LogMarks {
  readonly baseIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly commitIndex: LogIndex
}

/** Of the `RaftOptions`. */
export type SendingRules = Pick<RaftOptions, 'maxInflightAppends' | 'maxInflightBytes' | 'commitNews'>

interface LogEnd {
  readonly index: LogIndex
  readonly term: Term
}

interface Inflight {
  readonly lastIndex: LogIndex
  readonly bytes: number
}

export class Progress implements ProgressView {
  matchIndex: LogIndex = logIndex(0)
  nextIndex: LogIndex
  mode: 'probe' | 'replicate' | 'snapshot' = 'probe'
  active: boolean
  /** The newest heartbeat round that it answered. */
  answeredRound = 0
  private readonly rules: SendingRules
  /** Appends with entries on their way, in the order of sending. */
  private readonly window: Inflight[] = []
  private inflightBytes = 0
  /** Probe: the one message is on its way. */
  private waiting = false
  /** Nothing was heard of the last entries, or of the snapshot; ask with an empty append whether they arrived. */
  private doubted = false
  /** Snapshot: where the one on its way ends; absent while the driver has not provided it. */
  private snapshotEnd: LogEnd | undefined
  /** The newest commit index that was put into an append that may have been taken. */
  private commitSent = logIndex(0)
  /** It is to be told of the commit index although there is nothing else to say. */
  private isCommitNewsDue = false

  constructor(nextIndex: LogIndex, active: boolean, rules: SendingRules) {
    this.nextIndex = nextIndex
    this.active = active
    this.rules = rules
  }

  get inflight(): number {
    return this.window.length
  }

  get wantsSnapshot(): boolean {
    return this.mode === 'snapshot' && this.snapshotEnd === undefined
  }

  /** The snapshot on its way. */
  get snapshotUnderWay(): LogEnd | undefined {
    return this.mode === 'snapshot' ? this.snapshotEnd : undefined
  }

  /** A snapshot costs much, so none is made for a follower that is not heard of. */
  next({ baseIndex, lastIndex, commitIndex }: LogMarks): NextMessage {
    if (this.mode === 'snapshot') return this.doubted && !this.wantsSnapshot ? 'append' : 'nothing'
    if (this.mode === 'probe' && this.waiting) return 'nothing'
    if (this.nextIndex <= baseIndex) return this.active ? 'snapshot' : 'nothing'
    const tellsCommit =
      this.commitSent < commitIndex && (this.rules.commitNews === 'at-once' || this.isCommitNewsDue)
    const isDue = this.mode === 'probe' || this.doubted || tellsCommit
    return isDue || this.mayCarryEntries(lastIndex) ? 'append' : 'nothing'
  }

  /** It has the whole log, and was told how far that is committed. */
  isCaughtUp({ lastIndex, commitIndex }: LogMarks): boolean {
    return this.mode === 'replicate' && this.matchIndex === lastIndex && this.commitSent >= commitIndex
  }

  /** `tellCommit` would let it have a message. */
  awaitsCommitNews({ commitIndex }: LogMarks): boolean {
    return this.mode === 'replicate' && this.commitSent < commitIndex
  }

  /** What is committed should not wait for company any longer. */
  tellCommit(): void {
    this.isCommitNewsDue = true
  }

  /** Whether an append may have entries in it. */
  mayCarryEntries(lastIndex: LogIndex): boolean {
    const { maxInflightAppends, maxInflightBytes } = this.rules
    return (
      this.mode !== 'snapshot' &&
      this.nextIndex <= lastIndex &&
      this.window.length < maxInflightAppends &&
      this.inflightBytes < maxInflightBytes
    )
  }

  /** An append left. @param bytes of its entries. */
  sent(entryCount: number, bytes: number, commitIndex: LogIndex): void {
    this.commitSent = commitIndex
    this.isCommitNewsDue = false
    this.doubted = false
    if (this.mode === 'probe') {
      this.waiting = true
      return
    }
    if (entryCount === 0) return
    this.nextIndex = logIndex(this.nextIndex + entryCount)
    this.window.push({ lastIndex: logIndex(this.nextIndex - 1), bytes })
    this.inflightBytes += bytes
  }

  /** It needs a snapshot, which the driver is asked for. */
  askForSnapshot(): void {
    this.forgetInflight()
    this.mode = 'snapshot'
    this.snapshotEnd = undefined
  }

  /** The snapshot that was asked for leaves. */
  snapshotSent(end: LogEnd): void {
    this.snapshotEnd = end
    this.doubted = false
  }

  /**
   * The snapshot failed, or the connection did and with it whatever was on its way. The next heartbeat that is answered starts
   * a probe: at the snapshot's end if one was sent, for it may have arrived.
   */
  startOver(): void {
    if (this.mode === 'replicate') this.becomeProbe(logIndex(this.matchIndex + 1))
    else this.becomeProbe(logIndex(Math.max(this.nextIndex, (this.snapshotUnderWay?.index ?? 0) + 1)))
    this.waiting = true
  }

  /** The log was cut where a probe was to be made: whether the follower has what remains is to be asked first. */
  logWasCut(baseIndex: LogIndex): void {
    if (this.mode === 'probe') this.nextIndex = logIndex(Math.max(this.nextIndex, baseIndex + 1))
  }

  /** The follower has everything up to `matchIndex`. Returns whether that is news. */
  accepted(matchIndex: LogIndex, baseIndex: LogIndex): boolean {
    const isNews = matchIndex > this.matchIndex
    if (this.mode !== 'replicate' && matchIndex >= this.matchIndex) {
      // A snapshot is over as soon as the log meets the follower's, even if another one did that.
      if (this.mode === 'probe' || matchIndex >= baseIndex) this.becomeReplicate(matchIndex)
      else if (matchIndex >= (this.snapshotEnd?.index ?? Number.POSITIVE_INFINITY))
        this.becomeProbe(logIndex(matchIndex + 1))
    }
    if (isNews) this.matchIndex = matchIndex
    if (this.nextIndex <= matchIndex) this.nextIndex = logIndex(matchIndex + 1)
    this.free(matchIndex)
    return isNews
  }

  /**
   * The follower has no entry like ours at `rejectedIndex`, but may have one at `agreeIndex`. An answer to anything
   * but what is on its way now is old, and changes nothing; nor does one that denies what was acknowledged before:
   * it is old, too, or the follower has lost its disk, and asking it again at once would never end.
   */
  rejected(rejectedIndex: LogIndex, agreeIndex: LogIndex): void {
    if (rejectedIndex <= this.matchIndex || this.mode === 'snapshot') return
    if (this.mode === 'replicate') {
      this.becomeProbe(logIndex(this.matchIndex + 1))
      return
    }
    if (rejectedIndex !== this.nextIndex - 1) return
    this.becomeProbe(logIndex(Math.max(this.matchIndex, Math.min(agreeIndex, rejectedIndex - 1)) + 1))
  }

  /** It answered a heartbeat: what was not acknowledged by now may be lost. */
  answeredHeartbeat(lastIndex: LogIndex, round: number): void {
    this.answeredRound = Math.max(this.answeredRound, round)
    this.waiting = false
    if (this.matchIndex < lastIndex) this.doubted = true
  }

  private becomeProbe(nextIndex: LogIndex): void {
    this.forgetInflight()
    this.mode = 'probe'
    this.nextIndex = nextIndex
    this.waiting = false
  }

  private becomeReplicate(matchIndex: LogIndex): void {
    this.mode = 'replicate'
    this.nextIndex = logIndex(matchIndex + 1)
  }

  private forgetInflight(): void {
    this.window.length = 0
    this.inflightBytes = 0
    this.commitSent = logIndex(0)
  }

  private free(matchIndex: LogIndex): void {
    let freed = 0
    for (const { lastIndex, bytes } of this.window) {
      if (lastIndex > matchIndex) break
      this.inflightBytes -= bytes
      freed++
    }
    this.window.splice(0, freed)
  }
}
