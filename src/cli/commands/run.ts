import { resolve } from 'node:path'
import type { Command } from 'commander'
import { LIMITS } from '../../base/index.ts'
import type { RunRequest } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { durationOption, envOption } from '../options.ts'
import { RunSession } from './run-session.ts'

interface RunOptions {
  readonly on?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly timeout?: number
  readonly quiet?: boolean
}

export function addRun(cli: Cli, program: Command): void {
  addCommand<RunOptions>(
    cli,
    program,
    'run',
    {
      summary: 'run a command on a node of the mesh and stream its output',
      description:
        "Output and exit code are the command's own (128 + signal number if a signal ended it); what happens to the task is told on standard error. Standard input is not passed on. Ctrl-C cancels the command and waits for its end; a second Ctrl-C does not wait.",
      examples: [
        'populi run -- nvidia-smi',
        'populi run --on attic --env STEPS=500 --timeout 2h -- python3 train.py --fast',
      ],
    },
    async (options, argv) => {
      const session = new RunSession(cli, options.quiet === true)
      cli.exitCode = await session.run(requestOf(cli, options, argv))
    },
  )
    .argument('<command...>', 'program and arguments; -- before them keeps their options apart')
    .option('--on <node>', 'only this node (default: any other node that may, else here)')
    .option('--env <name=value>', 'set a variable for the command; can be repeated', envOption)
    .option('--cwd <folder>', 'working directory on the node that runs it')
    .option(
      '--timeout <duration>',
      'end the command after this time',
      durationOption('--timeout', LIMITS.commandTimeoutMsMax),
    )
    .option('-q, --quiet', 'tell only why a command could not be run')
    .passThroughOptions()
}

function requestOf(cli: Cli, options: RunOptions, argv: readonly string[]): RunRequest {
  return {
    argv,
    cwd: options.cwd === undefined ? undefined : resolve(cli.io.cwd, options.cwd),
    env: options.env ?? {},
    on: options.on,
    timeoutMs: options.timeout,
  }
}
