import type { Command } from 'commander'
import { taskId } from '../../base/index.ts'
import type { TaskDetailView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { type Column, renderFields, renderTable } from '../render/table.ts'
import { outcome, reasonText, sinceCreated, stateColour } from '../render/task.ts'
import { commandLine } from '../render/text.ts'
import { ago, duration } from '../render/time.ts'

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
  const { deadlineUnixMs, endedUnixMs, cancelLatencyMs, timeoutMs } = task
  const fields = renderFields(
    [
      ['task', task.taskId, 'bold'],
      ['command', commandLine(task.argv)],
      ['state', task.state, stateColour(task.state)],
      ['outcome', outcome(task)],
      ['node', task.node],
      ['lease', task.leaseId],
      ['reason', task.reason === undefined ? undefined : reasonText(task.reason)],
      ['kind', kindText(task)],
      ['created', since(task.createdUnixMs)],
      ['ended', endedUnixMs === undefined ? undefined : since(endedUnixMs)],
      ['timeout', timeoutMs === undefined ? undefined : duration(timeoutMs)],
      ['deadline', deadlineUnixMs === undefined ? undefined : new Date(deadlineUnixMs).toISOString()],
      ['attempts', task.attempts],
      ['starts', task.starts],
      ['results', resultsText(task)],
      ['run', runText(task)],
      [
        'cancel',
        cancelLatencyMs === undefined ? undefined : `${cancelLatencyMs} ms from the request to the end`,
      ],
      ['output', outputText(task)],
      ['trace', task.traceparent],
    ],
    cli.look,
  )
  return `${fields}\n${renderTable(historyColumns(task), task.history, cli.look)}`
}

function kindText({ attached, fallback }: TaskDetailView): string {
  const kind = attached ? 'attached: it ends with its reader' : 'detached: it goes on by itself'
  return `${kind}; ${fallback === 'local' ? 'runs here when it has to' : 'fails rather than run here'}`
}

function resultsText({ finalResults, refusedResults }: TaskDetailView): string {
  return refusedResults === 0
    ? `${finalResults}`
    : `${finalResults}, and ${refusedResults} that did not count`
}

function runText(task: TaskDetailView): string | undefined {
  if (task.runs.length === 0) return undefined
  return task.runs.map(({ state, atUnixMs }) => `${state} ${sinceCreated(task, atUnixMs)}`).join(', ')
}

function outputText({ taskId: id, outputBytes, outputBytesKept }: TaskDetailView): string {
  if (outputBytes === 0) return 'none'
  const dropped = outputBytes - outputBytesKept
  const kept = dropped === 0 ? '' : `, of which the first ${dropped} are not kept any more`
  return `${outputBytes} bytes${kept}: \`populi logs ${id}\``
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
