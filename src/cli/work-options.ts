/** What `run` and `submit` have in common: how a command is told to the node. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { CodedError, LIMITS, type UnixMs, unixMs } from '../base/index.ts'
import type { RunRequest } from '../node/control/index.ts'
import type { CliIo } from './io.ts'
import { choiceOption, type Deadline, deadlineOption, durationOption, envOption } from './options.ts'

export interface WorkOptions {
  readonly on?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeout?: number
  readonly deadline?: Deadline
  readonly fallback?: 'local' | 'none'
}

/** Further ahead than any command runs. */
const DEADLINE_MS_MAX = LIMITS.commandTimeoutMsMax

export function addWorkOptions(command: Command): Command {
  return command
    .argument('<command...>', 'program and arguments; -- before them keeps their options apart')
    .option('--on <node>', 'only this node (default: any other node that may, else here)')
    .option('--env <name=value>', 'set a variable for the command; can be repeated', envOption)
    .option('--cwd <folder>', 'working directory on the node that runs it')
    .option(
      '--timeout <duration>',
      'end the command after this time',
      durationOption('--timeout', LIMITS.commandTimeoutMsMax),
    )
    .option(
      '--deadline <when>',
      'a duration or a time: do not begin after it, and end the command at it',
      deadlineOption('--deadline', DEADLINE_MS_MAX),
    )
    .option(
      '--fallback <policy>',
      'when no other node can run it, or run it to its end: `local` runs it here (default), `none` lets it fail',
      choiceOption('--fallback', ['local', 'none']),
    )
    .passThroughOptions()
}

/** @throws CodedError `input.invalid` */
export function requestOf(io: CliIo, options: WorkOptions, argv: readonly string[]): RunRequest {
  return {
    argv,
    cwd: options.cwd === undefined ? undefined : resolve(io.cwd, options.cwd),
    env: options.env ?? {},
    on: options.on,
    timeoutMs: options.timeout,
    fallback: options.fallback,
    deadlineUnixMs: deadlineOf(io, options.deadline),
    traceparent: traceparentOf(io),
  }
}

function deadlineOf(io: CliIo, deadline: Deadline | undefined): UnixMs | undefined {
  if (deadline === undefined) return undefined
  if ('inMs' in deadline) return unixMs(io.now() + deadline.inMs)
  if (deadline.atUnixMs > io.now()) return unixMs(deadline.atUnixMs)
  throw new CodedError('input.invalid', {
    field: '--deadline',
    got: new Date(deadline.atUnixMs).toISOString(),
    accepts: 'a time in the future, or a duration such as 2h',
  })
}

/** As the caller's own tracing left it; what is no trace context the node takes for none (W3C Trace Context §3.2). */
function traceparentOf({ env }: CliIo): string | undefined {
  const given = env['TRACEPARENT']
  return given === undefined || given.length > LIMITS.traceparentCharsMax ? undefined : given
}
