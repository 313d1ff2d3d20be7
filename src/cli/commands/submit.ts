import type { Command } from 'commander'
import { addCommand, type Cli } from '../command.ts'
import { addWorkOptions, requestOf, type WorkOptions } from '../work-options.ts'

export function addSubmit(cli: Cli, program: Command): void {
  const command = addCommand<WorkOptions>(
    cli,
    program,
    'submit',
    {
      summary: 'give a command to the mesh and go: prints the id of the task',
      description:
        'The command goes on without you, over restarts of this node and while it is away; its output is kept here (`populi logs`). Without the lease authority in reach it waits. Standard input is not passed on.',
      examples: [
        'populi submit --on attic -- python3 train.py',
        'id=$(populi submit --deadline 8h -- make all) && populi logs -f $id && populi wait $id',
      ],
    },
    async (options, argv) => {
      const task = await cli.client.submit(requestOf(cli.io, options, argv))
      await cli.answer(task, ({ taskId }) => `${taskId}\n`)
      // For whoever looks at it; a script has the id.
      if (cli.io.stdout.isTerminal && !cli.json)
        await cli.say(`populi: \`populi logs -f ${task.taskId}\` follows its output\n`)
    },
  )
  addWorkOptions(command)
}
