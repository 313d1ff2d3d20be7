import type { Command } from 'commander'
import { taskId } from '../../base/index.ts'
import type { TaskDetailView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { type Column, renderFields, renderTable } from '../render/table.ts'
import { outcome, reasonText, sinceCreated, stateColour } from '../render/task.ts'
import { commandLine } from '../render/text.ts'
import { ago } from '../render/time.ts'

export function addTask(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'task',
    { summary: 'show one task: where it ran, why, and what happened to it', examples: ['populi task 4711'] },
    async (_, [id = '']) => cli.answer(await cli.client.task(taskId(id)), (task) => renderTask(cli, task)),
  ).argument('<id>', 'as `populi tasks` lists it')
}

function renderTask(cli: Cli, task: TaskDetailView): string {
  const since = (atUnixMs: number): string =>
    `${ago(cli.io.now() - atUnixMs)} (${new Date(atUnixMs).toISOString()})`
  const fields = renderFields(
    [
      ['task', task.taskId, 'bold'],
      ['command', commandLine(task.argv)],
      ['state', task.state, stateColour(task.state)],
      ['outcome', outcome(task)],
      ['node', task.node],
      ['lease', task.leaseId],
      ['reason', task.reason === undefined ? undefined : reasonText(task.reason)],
      ['created', since(task.createdUnixMs)],
      ['ended', task.endedUnixMs === undefined ? undefined : since(task.endedUnixMs)],
      ['starts', task.starts],
      ['results', task.finalResults],
      ['output', `${task.outputBytes} bytes`],
    ],
    cli.look,
  )
  return `${fields}\n${renderTable(historyColumns(task), task.history, cli.look)}`
}

type Change = TaskDetailView['history'][number]

const historyColumns = (task: TaskDetailView): readonly Column<Change>[] => [
  { title: 'AFTER', align: 'right', cell: (change) => sinceCreated(task, change.atUnixMs) },
  { title: 'STATE', cell: (change) => change.state, colour: (change) => stateColour(change.state) },
  { title: 'NODE', cell: (change) => change.node },
  { title: 'LEASE', align: 'right', cell: (change) => change.leaseId },
  { title: 'REASON', cell: (change) => change.reason },
  { title: 'DETAIL', cell: (change) => change.detail },
]
