import type { Command } from 'commander'
import { addCommand, type Cli } from '../command.ts'
import { addWorkOptions, requestOf, type WorkOptions } from '../work-options.ts'
import { RunSession } from './run-session.ts'

interface RunOptions extends WorkOptions {
  readonly quiet?: boolean
}

export function addRun(cli: Cli, program: Command): void {
  const command = addCommand<RunOptions>(
    cli,
    program,
    'run',
    {
      summary: 'run a command on a node of the mesh and stream its output',
      description:
        "Output and exit code are the command's own (128 + signal number if a signal ended it); what happens to the task is told on standard error. Standard input is not passed on. Ctrl-C cancels the command and waits for its end; a second Ctrl-C leaves at once, and this node goes on ending it. A closed terminal cancels, too; for a command that goes on without you there is `populi submit`.",
      examples: [
        'populi run -- nvidia-smi',
        'populi run --on attic --env STEPS=500 --timeout 2h -- python3 train.py --fast',
      ],
    },
    async (options, argv) => {
      const session = new RunSession(cli, options.quiet === true)
      cli.exitCode = await session.run(requestOf(cli.io, options, argv))
    },
  )
  addWorkOptions(command).option('-q, --quiet', 'tell only why a command could not be run')
}
