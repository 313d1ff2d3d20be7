import { constants } from 'node:os'
import type { TaskView } from '../node/control/index.ts'

/** What a shell makes of an end by SIGINT. */
export const EXIT_INTERRUPTED = 130
const EXIT_SIGNAL_BASE = 128
const EXIT_FAILED = 1

/** That of the command, as a shell has it; `undefined` when there is none because nothing ran to its end. */
export function commandExitCode({ exitCode, signal }: TaskView): number | undefined {
  if (signal !== undefined) return EXIT_SIGNAL_BASE + (constants.signals[signal as NodeJS.Signals] ?? 0)
  return exitCode
}

/** Of a task that has ended. A task that was cancelled before anything ran has failed. */
export function exitCodeOf(task: TaskView): number {
  return commandExitCode(task) ?? (task.state === 'completed' ? 0 : EXIT_FAILED)
}
