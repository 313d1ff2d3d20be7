/** How a task is said to people; the same words in `run`, `tasks` and `task`. */
import { REASONS } from '../../base/index.ts'
import type { TaskState, TaskView } from '../../node/control/index.ts'
import type { Colour } from './paint.ts'
import { printable } from './text.ts'
import { duration } from './time.ts'

const STATE_COLOURS: Readonly<Record<TaskState, Colour>> = {
  queued: 'dim',
  placing: 'cyan',
  leasing: 'cyan',
  offered: 'cyan',
  running: 'cyan',
  fallback: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'yellow',
}

export function stateColour(state: TaskState): Colour {
  return STATE_COLOURS[state]
}

/** How it ended; `undefined` while it has not. */
export function outcome(task: TaskView): string | undefined {
  if (task.error !== undefined) return task.error
  if (task.signal !== undefined) return `ended by ${task.signal}`
  if (task.exitCode !== undefined) return `exit code ${task.exitCode}`
  return task.endedUnixMs === undefined ? undefined : task.state
}

/** How it ended, as a sentence of its own. */
export function endText(task: TaskView): string {
  const where = task.node === undefined ? '' : ` on ${task.node}`
  const how = outcome(task)
  const end = how === undefined || how === task.state ? '' : `: ${printable(how)}`
  return `Task ${task.taskId} ${task.state}${where}${end}.\n`
}

/** The sentence of a reason and its code; a code of a newer node stands alone. */
export function reasonText(reason: string): string {
  return Object.hasOwn(REASONS, reason) ? `${REASONS[reason as keyof typeof REASONS]} (${reason})` : reason
}

/** Seconds since the task was created: `+0.4 s`, then in larger units. */
export function sinceCreated(task: TaskView, atUnixMs: number): string {
  const ms = Math.max(0, atUnixMs - task.createdUnixMs)
  return ms < 60_000 ? `+${(ms / 1000).toFixed(1)} s` : `+${duration(ms)}`
}
