import type { Command } from 'commander'
import { taskId } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { outcome } from '../render/task.ts'
import { printable } from '../render/text.ts'

export function addCancel(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'cancel',
    {
      summary: 'cancel a task and wait until it has ended',
      examples: ['populi cancel 4711'],
    },
    async (_, [id = '']) =>
      cli.answer(await cli.client.cancel(taskId(id)), (task) => {
        const how = outcome(task)
        const end = how === undefined || how === task.state ? '' : `: ${printable(how)}`
        return `Task ${task.taskId} ${task.state}${end}.\n`
      }),
  ).argument('<id>', 'as `populi tasks` lists it')
}
