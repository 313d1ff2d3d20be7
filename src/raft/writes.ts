/**
 * What is on its way to the disk, and the messages that wait for it. One write at a time; whatever changes meanwhile is the
 * next one. A message that depends on the state in memory waits until a write that began after it was made is durable; if
 * there is nothing to write by then, it may leave.
 */
import { assert } from '../base/index.ts'
import type { HardState } from './entry.ts'
import type { RaftMessage } from './messages.ts'
import type { ReadyWrite } from './ready.ts'
import type { RaftState } from './state.ts'

interface UnderWay {
  readonly write: ReadyWrite
  readonly messages: readonly RaftMessage[]
}

export class Writes {
  private readonly state: RaftState
  /** As of the last write that was begun. */
  private written: HardState
  private underWay: UnderWay | undefined
  /** Since the write under way began. */
  private ticks = 0

  constructor(state: RaftState, saved: HardState | undefined) {
    this.state = state
    this.written = saved ?? state.hardState
  }

  get isUnderWay(): boolean {
    return this.underWay !== undefined
  }

  tick(): void {
    this.ticks++
  }

  /** The disk has worked on one write for as long as nobody waits for a leader. */
  get isHanging(): boolean {
    return this.isUnderWay && this.ticks >= this.state.options.electionTicks
  }

  get ticksUntilHanging(): number {
    return this.isUnderWay ? this.state.options.electionTicks - this.ticks : Number.POSITIVE_INFINITY
  }

  /** Whether a write should begin, or messages that waited for one can leave without. */
  get hasNews(): boolean {
    return this.isFree && (this.isDue || this.state.messagesAfterPersist.length > 0)
  }

  /** Begins a write if one is due. Messages for which there is nothing to wait join those that leave at once. */
  begin(): ReadyWrite | undefined {
    if (!this.isFree) return undefined
    const { state } = this
    const messages = state.messagesAfterPersist
    state.messagesAfterPersist = []
    if (!this.isDue) {
      for (const message of messages) state.messages.push(message)
      return undefined
    }
    const write = this.makeWrite()
    this.underWay = { write, messages }
    this.ticks = 0
    return write
  }

  /** The write under way is durable, and what waited for it may leave. Returns what it wrote. */
  done(): ReadyWrite {
    assert(this.underWay !== undefined, 'writeDone() comes after a Ready with a write')
    const { write, messages } = this.underWay
    this.underWay = undefined
    for (const message of messages) this.state.messages.push(message)
    if (write.snapshot === undefined) this.state.log.finishWrite()
    else this.state.snapshotInstalled()
    return write
  }

  /** A snapshot replaces the state machine's records, so it waits for an apply under way; and everything with it. */
  private get isFree(): boolean {
    const waitsForApply = this.state.pendingSnapshot !== undefined && this.state.log.isApplying
    return !this.isUnderWay && !waitsForApply
  }

  private get isDue(): boolean {
    const { state } = this
    return state.pendingSnapshot !== undefined || state.log.hasUnpersisted || this.isVoteUnwritten
  }

  private get isVoteUnwritten(): boolean {
    return this.state.term !== this.written.term || this.state.vote !== this.written.vote
  }

  private makeWrite(): ReadyWrite {
    const { state } = this
    const snapshot = state.pendingSnapshot
    const entries = state.log.beginWrite()
    const hasCommitMoved = state.log.commitIndex !== this.written.commitIndex
    const writesHardState =
      this.isVoteUnwritten || snapshot !== undefined || (hasCommitMoved && entries.length > 0)
    if (writesHardState) this.written = state.hardState
    return { hardState: writesHardState ? this.written : undefined, entries, snapshot }
  }
}
