/** What a task is to do, as a user asks for it and as the envelope carries it. */
import { CodedError, KiB, LIMITS } from '../base/index.ts'
import type { Command, Work } from '../task/index.ts'
import type { RunRequest } from './control/node-control.ts'

/** The description in the envelope repeats the arguments. */
const WORK_BYTES_MAX = LIMITS.envelopeBytesMax / 2 - KiB

/** @throws CodedError `input.invalid` without a program. */
export function workOf(request: Pick<RunRequest, 'argv' | 'cwd' | 'env' | 'timeoutMs'>): Work {
  const [program, ...rest] = request.argv
  if (program === undefined)
    throw new CodedError('input.invalid', {
      field: 'command',
      got: '',
      accepts: 'a program and its arguments',
    })
  const command: Command = {
    argv: [program, ...rest],
    env: { ...request.env },
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.timeoutMs === undefined ? {} : { timeout_ms: request.timeoutMs }),
  }
  return { command }
}

/** @throws CodedError `task.too_large` for what does not fit into an envelope. */
export function checkSize(work: Work): void {
  const bytes = Buffer.byteLength(JSON.stringify(work))
  if (bytes > WORK_BYTES_MAX) throw new CodedError('task.too_large', { got: bytes, max: WORK_BYTES_MAX })
}
