/**
 * The record of one submitted task while its core changes it: what is changed, in the history and as effects.
 *
 * Of one event there is at most one `journal` effect, and it comes first: everything that follows from the event rests on the whole
 * change, so the disk is asked once. A change that nothing outside rests on (a lease is being asked for, the worker says that it
 * has started) is not written for its own sake: after a crash it is found out again.
 */
import { LIMITS, present, type Reason } from '../base/index.ts'
import type { RunState } from './run-states.ts'
import type { SubmitterEffect, TaskTime } from './submitter-events.ts'
import { isFinal, type TaskChange, type TaskRecord, type TaskState } from './task-record.ts'

export interface Why {
  readonly reason?: Reason | undefined
  /** One sentence for people. */
  readonly detail?: string | undefined
}

/** The state that ends a task, and what it is called among the run states. */
const RUN_ENDS = { completed: 'complete', failed: 'error', cancelled: 'cancelled' } as const
type FinalState = keyof typeof RUN_ENDS

export class RecordKeeper {
  private current: TaskRecord
  private effects: SubmitterEffect[] = []
  private mustBeWritten = false
  private time: TaskTime | undefined
  private readonly said = new Set<'authority' | 'lease' | 'order'>()

  constructor(record: TaskRecord) {
    this.current = record
  }

  get record(): TaskRecord {
    return this.current
  }

  /** An event comes in. */
  begin(now: TaskTime): void {
    this.time = now
    this.effects = []
    this.mustBeWritten = false
  }

  /** What the event asks for. */
  takeEffects(): readonly SubmitterEffect[] {
    const { effects, current: record } = this
    return this.mustBeWritten ? [{ type: 'journal', record }, ...effects] : effects
  }

  do(effect: SubmitterEffect): void {
    this.effects.push(effect)
  }

  /** Not written for its own sake. */
  update(change: Partial<TaskRecord>): void {
    this.current = { ...this.current, ...change }
  }

  /** What was updated has to be on disk before anything follows from it. */
  mustWrite(): void {
    this.mustBeWritten = true
  }

  enter(state: TaskState, why: Why): void {
    const change = this.inHistory(state, why)
    this.said.clear()
    this.current = { ...this.current, state, reason: why.reason ?? this.current.reason }
    if (state !== 'leasing' && state !== 'running') this.mustBeWritten = true
    this.effects.push({ type: 'changed', change })
  }

  /** The state and its reason stay what they are. */
  note(why: Why): void {
    this.effects.push({ type: 'noted', change: this.inHistory(this.current.state, why) })
  }

  /** What an attempt waits for: said once, not at every try. */
  say(what: 'authority' | 'lease' | 'order', why: Why): void {
    if (this.said.has(what)) return
    this.said.add(what)
    this.note(why)
  }

  ran(state: RunState): void {
    const { runs } = this.current
    this.current = { ...this.current, runs: [...runs, { state, atUnixMs: this.now.wall }] }
  }

  /** The one final result. */
  finish(state: FinalState, why: { reason?: Reason | undefined; error?: string | undefined }): void {
    const { finalResults } = this.current
    this.ran(RUN_ENDS[state])
    this.update({ endedUnixMs: this.now.wall, finalResults: finalResults + 1, error: why.error })
    this.enter(state, { reason: why.reason, detail: why.error })
    this.effects.push({ type: 'ended' })
  }

  /** Without an error its worker has told so. */
  cancelled(error?: string): void {
    this.finish('cancelled', { reason: 'cancelled_by_user', error })
  }

  /** Of a task that nobody executes. */
  endsAtDeadline(): boolean {
    const { deadlineUnixMs } = this.current
    if (deadlineUnixMs === undefined || this.now.wall < deadlineUnixMs) return false
    this.finish('failed', { reason: 'timed_out', error: 'its deadline passed while nobody executed it' })
    return true
  }

  get isEnded(): boolean {
    return isFinal(this.current.state)
  }

  get now(): TaskTime {
    return present(this.time, 'the time of the event')
  }

  private inHistory(state: TaskState, { reason, detail }: Why): TaskChange {
    const { attempt, history } = this.current
    const hasNode = state !== 'queued' && state !== 'placing'
    const change: TaskChange = {
      atUnixMs: this.now.wall,
      state,
      node: hasNode ? attempt?.nodeId : undefined,
      leaseId: hasNode ? attempt?.leaseId : undefined,
      reason: reason ?? this.current.reason,
      detail,
    }
    const [first, second] = history
    const isFull = history.length >= LIMITS.taskHistoryMax
    const kept =
      isFull && first !== undefined && second !== undefined ? [first, ...history.slice(2)] : history
    this.current = { ...this.current, history: [...kept, change] }
    return change
  }
}
