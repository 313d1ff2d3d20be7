import type { Command } from 'commander'
import type { TaskView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { type Column, renderTable } from '../render/table.ts'
import { outcome, stateColour } from '../render/task.ts'
import { commandLine } from '../render/text.ts'
import { ago } from '../render/time.ts'

export function addTasks(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'tasks',
    { summary: 'list the tasks that were submitted on this node', examples: ['populi tasks'] },
    async () =>
      cli.answer(await cli.client.tasks(), (tasks) =>
        tasks.length === 0 ? 'No tasks.\n' : renderTable(columns(cli.io.now()), tasks, cli.look),
      ),
  )
}

const columns = (now: number): readonly Column<TaskView>[] => [
  { title: 'TASK', align: 'right', cell: (task) => task.taskId },
  { title: 'STATE', cell: (task) => task.state, colour: (task) => stateColour(task.state) },
  { title: 'NODE', cell: (task) => task.node },
  { title: 'LEASE', align: 'right', cell: (task) => task.leaseId },
  { title: 'CREATED', cell: (task) => ago(now - task.createdUnixMs) },
  { title: 'OUTCOME', cell: outcome },
  { title: 'COMMAND', cell: (task) => commandLine(task.argv) },
]
