import { CodedError, LIMITS, present, type TaskId } from '../../base/index.ts'
import type { OutputPiece, TaskChange, TaskRecord } from '../../task/index.ts'
import type { Submission } from '../submission.ts'
import { TaskError } from './task-error.ts'

/** A task that was submitted, as the program that did it sees it. */
export interface MeshTask<Value> {
  readonly id: TaskId
  /**
   * What the function returned, or how the command ended by itself, whatever its exit code. Rejects with a `TaskError` otherwise, and
   * with `node.stopping` when this node closes first. A rejection that nobody looks at does not end the program.
   */
  readonly result: Promise<Value>
  /** Asks for its end. Resolves when it has ended, however; what ran is quiet by then. @throws CodedError `node.stopping` */
  cancel(): Promise<void>
  /** All states from the first on, as they come; ends with the task. @throws CodedError `node.stopping` */
  states(): AsyncIterable<TaskChange>
  /**
   * What it prints, from the first byte that this node still keeps (`LIMITS.outputLogBytesMax`), as it comes; ends with the task.
   * May be read at any time, and more than once. A reader that shall slow the task down is `onOutput` of `submit`.
   * @throws CodedError `node.stopping`
   */
  output(): AsyncIterable<OutputPiece>
}

/** How a command ended. */
export interface CommandResult {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

/** What the value is, only its work knows: for its callers a function's author gives it a type, like that of any parsed JSON. */
export class SubmittedMeshTask implements MeshTask<never> {
  readonly result: Promise<never>
  private readonly submission: Submission
  private readonly nodeGone: Promise<never>

  /** @param nodeStopped settles when the node has stopped. */
  constructor(submission: Submission, nodeStopped: Promise<void>) {
    this.submission = submission
    const gone = (): never => {
      throw new CodedError('node.stopping')
    }
    this.nodeGone = nodeStopped.then(gone, gone)
    this.nodeGone.catch(() => undefined)
    this.result = this.unlessGone(submission.done).then(() => valueOfTask(submission.task.record) as never)
    this.result.catch(() => undefined)
  }

  get id(): TaskId {
    return this.submission.task.taskId
  }

  async cancel(): Promise<void> {
    if (!this.submission.isEnded) this.submission.cancel()
    await this.unlessGone(this.submission.ended)
  }

  async *states(): AsyncIterable<TaskChange> {
    let told: TaskChange | undefined
    for (;;) {
      // Asked before the look: what comes after it is news.
      const news = this.submission.news()
      const { isSettled } = this.submission
      const { history } = this.submission.task.record
      for (const change of history.slice(told === undefined ? 0 : placeAfter(told, history))) {
        told = change
        yield change
      }
      if (isSettled) return
      await this.unlessGone(news)
    }
  }

  async *output(): AsyncIterable<OutputPiece> {
    const log = await this.submission.output.open()
    for (let at = 0; ; ) {
      const news = this.submission.news()
      const { isSettled } = this.submission
      const pieces = await log.read(at, LIMITS.outputReadBytesMax)
      for (const piece of pieces) {
        at = piece.offset + piece.chunk.length
        yield piece
      }
      if (pieces.length > 0) continue
      if (isSettled) return
      await this.unlessGone(news)
    }
  }

  private unlessGone(what: Promise<void>): Promise<void> {
    return Promise.race([what, this.nodeGone])
  }
}

/** A long history keeps its first change and the newest: what is gone of it was before all others. */
function placeAfter(told: TaskChange, history: readonly TaskChange[]): number {
  return Math.max(1, history.lastIndexOf(told) + 1)
}

/** @throws TaskError */
function valueOfTask(record: TaskRecord): unknown {
  return 'command' in record.work ? commandResult(record) : functionValue(record)
}

/** @throws TaskError */
function functionValue(record: TaskRecord): unknown {
  if (record.state !== 'completed') throw new TaskError(record)
  return JSON.parse(present(record.outcome?.valueJson, 'the value of a function'))
}

/** @throws TaskError */
function commandResult(record: TaskRecord): CommandResult {
  const { outcome } = record
  if (record.state === 'cancelled' || outcome?.cause !== 'exited') throw new TaskError(record)
  return { exitCode: outcome.exitCode, signal: outcome.signal }
}
