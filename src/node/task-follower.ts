/** Reads what a task has printed and where it is, from some place on until its end, at the reader's own speed. */
import { LIMITS } from '../base/index.ts'
import type { OutputPiece, TaskChange } from '../task/index.ts'
import type { Submission } from './submission.ts'

export type TaskNews =
  | { readonly type: 'change'; readonly change: TaskChange }
  /** `offset` beyond where the reader was: what is in between is not kept any more. */
  | { readonly type: 'output'; readonly piece: OutputPiece }

/**
 * Tells the whole history first, then output from offset `from` and changes as they come. The next news is not told before the
 * promise that `report` returned has settled. Resolves when the task has its final result and everything was told, or `signal` aborts.
 */
export async function followTask(
  submission: Submission,
  from: number,
  report: (news: TaskNews) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => abort(), { once: true })
  let told: TaskChange | undefined
  for (let at = from; !signal.aborted; ) {
    const isOver = submission.isSettled
    const news = submission.news()
    const { history } = submission.task.record
    for (const change of history.slice(told === undefined ? 0 : history.lastIndexOf(told) + 1)) {
      told = change
      await report({ type: 'change', change })
    }
    const log = await submission.output.open()
    while (at < log.end && !signal.aborted) {
      const pieces = await log.read(at, LIMITS.outputReadBytesMax)
      for (const piece of pieces) {
        at = piece.offset + piece.chunk.length
        await report({ type: 'output', piece })
      }
      if (pieces.length === 0) break
    }
    if (isOver) return
    await Promise.race([news, aborted])
  }
}
