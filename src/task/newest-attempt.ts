/**
 * The newest attempt of a submitted task: who has it, whether anything of it may execute, and until when at the latest.
 *
 * An attached attempt at another node holds, besides the authority's lease, one of this node (design §7): its worker asks for it before
 * it starts anything and each third of the TTL. Here is the submitter's half of that timing argument: the worker counts
 * `T·(1−ρ)` from when it *sent* the request that was answered, this node `T·(1+ρ)` from the answer, which is later. So once it
 * has stopped answering, nobody executes at `spanEndsAt`, whatever the authority knows.
 */
import { type BootMs, bootMs, type LeaseId, type NodeId, type PeerId, present } from '../base/index.ts'
import type { TaskMessage } from './messages.ts'
import { endOutput, receiveOutput, recoverOutput } from './received-output.ts'
import type { RecordKeeper, Why } from './record-keeper.ts'
import {
  cancelMessage,
  envelopeMessage,
  outputAckMessage,
  renewedMessage,
  resultAckMessage,
} from './submitter-messages.ts'
import { type Attempt, newAttempt, outputEndOf } from './task-record.ts'

/** The node that a task was given to. */
export interface Home {
  readonly peer: PeerId
  readonly nodeId: NodeId
  /** How long after the last answer to it a worker must be quiet, by this node's clock: `T·(1+ρ)`. */
  readonly spanMs: (ttlMs: number) => number
}

export class NewestAttempt {
  private readonly book: RecordKeeper
  private readonly home: Home
  /**
   * Counts from the last answer, or from when one was last possible: the offer, the start of this node. Not in the journal: a boot clock
   * means nothing after a restart.
   */
  private spanEndsAt: BootMs | undefined
  /** Taken up from the journal, and its worker not reached yet in this life. */
  private isReaching = false
  private wasRepeated = false

  constructor(book: RecordKeeper, home: Home) {
    this.book = book
    this.home = home
  }

  get value(): Attempt | undefined {
    return this.book.record.attempt
  }

  get current(): Attempt {
    return present(this.value, 'the attempt of a task that was placed')
  }

  /** Its offer was repeated: whoever refuses it now may have had it before. */
  get isOfferedAnew(): boolean {
    return this.wasRepeated
  }

  get isAtHome(): boolean {
    return this.value?.peer === this.home.peer
  }

  get mayExecute(): boolean {
    return this.value?.mayExecute === true
  }

  /** Its worker may begin, or go on. */
  get isWanted(): boolean {
    return this.mayExecute && !this.book.record.cancelRequested
  }

  /** Nothing of it executes at this moment: its worker or its lease said so, or the span that this node gave it is over. */
  get isQuiet(): boolean {
    if (!this.mayExecute) return true
    return this.spanEndsAt !== undefined && this.book.now.boot >= this.spanEndsAt
  }

  /** Nothing is offered yet. */
  begin(peer: PeerId, nodeId: NodeId): void {
    this.wasRepeated = false
    this.set(newAttempt(peer, nodeId, outputEndOf(this.book.record)))
  }

  leased(leaseId: LeaseId, ttlMs: number): void {
    this.set({ ...this.current, leaseId, ttlMs })
  }

  offer(why: Why): void {
    this.set({ ...this.current, mayExecute: true })
    this.book.update({ attempts: this.book.record.attempts + 1, error: undefined })
    this.book.enter('offered', why)
    this.beginSpan()
    this.sendEnvelope()
  }

  /** It is quiet, and stays so. */
  over(): void {
    if (this.mayExecute) this.set({ ...this.current, mayExecute: false })
  }

  started(): void {
    if (this.current.started) return
    this.set({ ...this.current, started: true })
    this.book.update({ starts: this.book.record.starts + 1 })
    this.book.ran('start')
  }

  /** Whether a request is answered is decided in this core alone, so here the span begins anew. */
  renew(message: Extract<TaskMessage, { type: 'remote_task_renew' }>): void {
    this.beginSpan()
    this.send(renewedMessage(message))
  }

  /** At the end of the span somebody waits for it. */
  awaitSpan(): void {
    if (this.spanEndsAt !== undefined && this.mayExecute)
      this.book.do({ type: 'wake-at', at: this.spanEndsAt })
  }

  receive(message: Extract<TaskMessage, { type: 'remote_task_output' }>): void {
    const { attempt, gap, chunk } = receiveOutput(this.current, message)
    this.set(attempt)
    if (gap.length > 0) {
      // Where the attempt's output lies in the log is no longer what the journal says.
      this.book.mustWrite()
      this.book.do({ type: 'output', stream: 'stderr', chunk: gap, acknowledgement: undefined })
    }
    const acknowledgement = { to: attempt.peer, message: outputAckMessage(message, attempt.outputBytes) }
    this.book.do({ type: 'output', stream: message.stream, chunk, acknowledgement })
  }

  /** Its worker printed so much, and nothing more will come: what did not is missing for good. */
  printed(outputBytes: number): void {
    const { attempt, gap } = endOutput(this.current, outputBytes)
    if (gap.length === 0) return
    this.set(attempt)
    this.book.mustWrite()
    this.book.do({ type: 'output', stream: 'stderr', chunk: gap, acknowledgement: undefined })
  }

  /** After a restart. `outputEnd`: where the log of the task ends on disk. */
  recover(outputEnd: number): void {
    if (this.value === undefined) return
    this.set(recoverOutput(this.value, outputEnd))
    // Later than any answer of the life before.
    this.beginSpan()
  }

  reach(): void {
    this.isReaching = true
    this.book.do({ type: 'reach', peer: this.current.peer })
  }

  giveUp(): void {
    this.isReaching = false
  }

  /** What its worker may have missed. An offer that it knows is answered with what became of it. */
  repeat(): void {
    if (this.book.record.cancelRequested) this.sendCancel()
    else if (this.isReaching) {
      this.wasRepeated = true
      this.sendEnvelope()
    }
    this.isReaching = false
  }

  /** As an answer, or because it may have missed the first one. */
  sendCancel(): void {
    const reason = this.book.record.cancelRequested ? 'cancelled_by_user' : 'stale_lease'
    this.send(cancelMessage(this.book.record, this.current.leaseId, reason))
  }

  acknowledge(result: TaskMessage): void {
    this.send(resultAckMessage(result))
  }

  private sendEnvelope(): void {
    this.send(envelopeMessage(this.book.record, this.current, !this.isAtHome))
  }

  private beginSpan(): void {
    const { attached } = this.book.record
    const { ttlMs = 0 } = this.current
    const isShared = attached && !this.isAtHome
    this.spanEndsAt = isShared ? bootMs(this.book.now.boot + this.home.spanMs(ttlMs)) : undefined
  }

  private send(message: TaskMessage): void {
    this.book.do({ type: 'send', to: this.current.peer, message })
  }

  private set(attempt: Attempt): void {
    this.book.update({ attempt })
  }
}
