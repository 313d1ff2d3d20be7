/**
 * Where a piece of output belongs in the log of its task. A worker that was out of reach repeats what was not acknowledged, so a
 * piece may begin before what is there: that part is skipped. It may also begin behind it, when the worker could not keep everything:
 * the gap is told in the log itself, where a reader would otherwise take two halves for one line.
 */
import type { TaskMessage } from './messages.ts'
import type { Attempt } from './task-record.ts'

interface Received {
  readonly attempt: Attempt
  /** For the log, before `chunk`; empty as a rule. */
  readonly gap: Uint8Array
  /** What is new. */
  readonly chunk: Uint8Array
}

export function receiveOutput(
  attempt: Attempt,
  { offset, chunk }: Extract<TaskMessage, { type: 'remote_task_output' }>,
): Received {
  const known = Math.min(chunk.length, Math.max(0, attempt.outputBytes - offset))
  const { gap, attempt: upToHere } = endOutput(attempt, offset)
  const outputBytes = Math.max(upToHere.outputBytes, offset + chunk.length)
  return { attempt: { ...upToHere, outputBytes }, gap, chunk: chunk.subarray(known) }
}

/** Whatever was not received up to `offset` will not come any more. */
export function endOutput(attempt: Attempt, offset: number): Pick<Received, 'attempt' | 'gap'> {
  const missing = Math.max(0, offset - attempt.outputBytes)
  const gap = missing === 0 ? new Uint8Array() : gapText(missing)
  const outputBase = attempt.outputBase + gap.length - missing
  return { attempt: { ...attempt, outputBytes: attempt.outputBytes + missing, outputBase }, gap }
}

/** After a restart: `outputEnd` is where the log ends on disk. */
export function recoverOutput(attempt: Attempt, outputEnd: number): Attempt {
  // Below the base: output of an earlier attempt that was not on disk yet, and so not acknowledged.
  const outputBase = Math.min(attempt.outputBase, outputEnd)
  return { ...attempt, outputBase, outputBytes: outputEnd - outputBase }
}

const gapText = (bytes: number): Uint8Array =>
  new TextEncoder().encode(`\n[populi: ${bytes} bytes of output are missing here]\n`)
