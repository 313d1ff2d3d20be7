import type { Command } from 'commander'
import { TASK_STATES, type TaskState, type TaskView } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { choiceOption } from '../options.ts'
import { type Column, renderTable } from '../render/table.ts'
import { outcome, stateColour } from '../render/task.ts'
import { commandLine } from '../render/text.ts'
import { ago } from '../render/time.ts'

/** Without a filter: as many that have ended as fit on a screen with the others. */
const ENDED_LISTED = 20

interface TasksOptions {
  readonly all?: boolean
  readonly state?: readonly TaskState[]
}

export function addTasks(cli: Cli, program: Command): void {
  const state = choiceOption('--state', TASK_STATES)
  addCommand<TasksOptions>(
    cli,
    program,
    'tasks',
    {
      summary: 'list the tasks that were submitted on this node',
      description: `Oldest first: all that have not ended, and the ${ENDED_LISTED} that were submitted last of those that have.`,
      examples: ['populi tasks', 'populi tasks --state running --state offered', 'populi tasks --all --json'],
    },
    async (options) => {
      const tasks = await cli.client.tasks()
      const listed = filtered(tasks, options)
      await cli.answer(listed, () =>
        listed.length === 0 ? 'No tasks.\n' : renderTable(columns(cli.io.now()), listed, cli.look),
      )
      const older = tasks.length - listed.length
      if (older > 0 && options.state === undefined && !cli.json)
        await cli.say(`populi: ${older} older ones are not listed; --all lists them\n`)
    },
  )
    .option('--all', 'also those that ended long ago, as far as they are remembered')
    .option(
      '--state <state>',
      `only these (${TASK_STATES.join(', ')}); can be repeated`,
      (text: string, before: readonly TaskState[] = []) => [...before, state(text)],
    )
}

function filtered(tasks: readonly TaskView[], { all, state }: TasksOptions): readonly TaskView[] {
  if (state !== undefined) return tasks.filter((task) => state.includes(task.state))
  if (all === true) return tasks
  const ended = tasks.filter((task) => task.endedUnixMs !== undefined)
  const newest = new Set(ended.slice(-ENDED_LISTED))
  return tasks.filter((task) => task.endedUnixMs === undefined || newest.has(task))
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
