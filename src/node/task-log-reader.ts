/**
 * `populi logs`: reads what a task has printed from its log on disk, at the reader's speed, and then waits for more. A reader
 * has a place in the log and nothing else, so that however many there are and however slow, the task does not feel them; what the log
 * had to let go before a reader came to it is told as a gap.
 */
import { CodedError, LIMITS, present } from '../base/index.ts'
import type { OutputLog } from '../task/index.ts'
import type { LogEvent, LogRequest } from './control/node-control.ts'

/** The task whose output is read. */
export interface PrintingTask {
  /** Everything that it printed is in its log. */
  readonly isSettled: boolean
  /** Resolves when there is more in its log, or the task has changed. */
  news(): Promise<void>
}

const LINE_FEED = 0x0a
/** The first look back for the last lines; then twice as far each time. */
const LOOK_BACK_BYTES = 64 * 1024

/** @throws CodedError `node.stopping` when `signal` aborted before the end */
export async function readTaskLog(
  log: OutputLog,
  task: PrintingTask,
  { follow, tail }: Omit<LogRequest, 'taskId'>,
  report: (event: LogEvent) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => abort(), { once: true })
  let at = await beginning(log, tail)
  while (!signal.aborted) {
    // Asked before the read: what comes after it is news, and what came before the end is read.
    const news = task.news()
    const { isSettled } = task
    const pieces = await log.read(at, LIMITS.outputReadBytesMax)
    for (const { stream, offset, chunk } of pieces) {
      if (offset > at) await report({ type: 'missing', bytes: offset - at })
      await report({ type: 'output', stream, chunk })
      at = offset + chunk.length
    }
    if (pieces.length > 0) continue
    if (at < log.end) {
      await report({ type: 'missing', bytes: log.end - at })
      at = log.end
    } else if (isSettled || !follow) return
    else await Promise.race([news, aborted])
  }
  throw new CodedError('node.stopping')
}

/** Where to begin to read. */
async function beginning(log: OutputLog, tail: LogRequest['tail']): Promise<number> {
  // From the very first byte: so the reader is told what is missing.
  if (tail === undefined) return 0
  if ('bytes' in tail) return Math.max(log.begin, log.end - tail.bytes)
  for (let back = LOOK_BACK_BYTES; ; back *= 2) {
    const { begin, end } = log
    const from = Math.max(begin, end - back)
    const starts = await lineStarts(log, from, end, tail.lines)
    if (starts.length >= tail.lines) return tail.lines === 0 ? end : present(starts.at(-tail.lines), 'line')
    if (from === begin) return begin
  }
}

/** At least the last `count`: behind every line feed before the last byte, and where the log begins. */
async function lineStarts(log: OutputLog, from: number, end: number, count: number): Promise<number[]> {
  const starts = from === log.begin ? [from] : []
  for (let at = from; at < end; ) {
    const pieces = await log.read(at, LIMITS.outputReadBytesMax)
    for (const { offset, chunk } of pieces) {
      for (let place = chunk.indexOf(LINE_FEED); place !== -1; place = chunk.indexOf(LINE_FEED, place + 1))
        if (offset + place + 1 < end) starts.push(offset + place + 1)
      at = offset + chunk.length
    }
    if (starts.length > count) starts.splice(0, starts.length - count)
    if (pieces.length === 0) break
  }
  return starts
}
