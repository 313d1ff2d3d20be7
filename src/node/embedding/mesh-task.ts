import { present, type TaskId } from '../../base/index.ts'
import type { TaskChange, TaskRecord } from '../../task/index.ts'
import type { Submission } from '../submission.ts'
import { followTask, type TaskNews } from '../task-follower.ts'
import { TaskError } from './task-error.ts'

/** A task that was submitted, as the program that did it sees it. */
export interface MeshTask<Value> {
  readonly id: TaskId
  /**
   * What the function returned, or how the command ended by itself, whatever its exit code. Rejects with a `TaskError` otherwise. A
   * rejection that nobody looks at does not end the program.
   */
  readonly result: Promise<Value>
  /** Asks for its end. Resolves when it has ended, however: what ran is quiet by then. */
  cancel(): Promise<void>
  /** All states from the first on, as they come; ends with the task. */
  states(): AsyncIterable<TaskChange>
  /**
   * What it prints, from the first byte that this node still keeps (`LIMITS.outputLogBytesMax`), as it comes; ends with the task.
   * May be read at any time, also more than once. To slow the task down to the speed of a reader, give `submit` an `onOutput`.
   */
  output(): AsyncIterable<TaskOutput>
}

export interface TaskOutput {
  readonly stream: 'stdout' | 'stderr'
  readonly chunk: Uint8Array
}

export class SubmittedMeshTask<Value> implements MeshTask<Value> {
  readonly result: Promise<Value>
  private readonly submission: Submission

  constructor(submission: Submission, toValue: (record: TaskRecord) => Value) {
    this.submission = submission
    this.result = submission.done.then(() => {
      const { record } = submission.task
      return toValue(record)
    })
    this.result.catch(() => undefined)
  }

  get id(): TaskId {
    return this.submission.task.taskId
  }

  async cancel(): Promise<void> {
    if (!this.submission.isEnded) this.submission.cancel()
    await this.submission.ended
  }

  async *states(): AsyncIterable<TaskChange> {
    for await (const news of this.news()) if (news.type === 'change') yield news.change
  }

  async *output(): AsyncIterable<TaskOutput> {
    for await (const news of this.news())
      if (news.type === 'output') yield { stream: news.piece.stream, chunk: news.piece.chunk }
  }

  /** A reader that stops reading stops the following. */
  private async *news(): AsyncIterable<TaskNews> {
    const leave = new AbortController()
    let given = Promise.withResolvers<TaskNews | undefined>()
    let taken = Promise.withResolvers<void>()
    const over = followTask(
      this.submission,
      0,
      (news) => {
        given.resolve(news)
        return taken.promise
      },
      leave.signal,
    ).then(
      () => given.resolve(undefined),
      (thrown: unknown) => given.reject(thrown),
    )
    try {
      for (let news = await given.promise; news !== undefined; news = await given.promise) {
        yield news
        const wasTaken = taken
        given = Promise.withResolvers()
        taken = Promise.withResolvers()
        wasTaken.resolve()
      }
    } finally {
      leave.abort()
      taken.resolve()
      await over
    }
  }
}

/** How a command ended. */
export interface CommandResult {
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
}

/** @throws TaskError */
export function functionValue<Value>(record: TaskRecord): Value {
  if (record.state !== 'completed') throw new TaskError(record)
  // What a function returns is its author's word to whoever calls it, like the type of any parsed JSON.
  return JSON.parse(present(record.outcome?.valueJson, 'the value of a function')) as Value
}

/** @throws TaskError */
export function commandResult(record: TaskRecord): CommandResult {
  const { outcome } = record
  if (record.state === 'cancelled' || outcome?.cause !== 'exited') throw new TaskError(record)
  return { exitCode: outcome.exitCode, signal: outcome.signal }
}
