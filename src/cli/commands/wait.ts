import type { Command } from 'commander'
import { taskId, toCodedError } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { EXIT_INTERRUPTED, exitCodeOf } from '../exit-code.ts'
import { endText } from '../render/task.ts'

export function addWait(cli: Cli, program: Command): void {
  addCommand<{ quiet?: boolean }>(
    cli,
    program,
    'wait',
    {
      summary: 'wait until tasks have ended; ends with the exit code of the command',
      description:
        'As `populi run` would: 128 + signal number if a signal ended the command, 1 if nothing ran to its end. Of several tasks, that of the first one in the list that failed. Ctrl-C leaves them as they are (130). With --json one line per task.',
      examples: ['populi wait 4711', 'populi wait 4711 4712 || echo one of them failed'],
    },
    async ({ quiet = false }, ids) => {
      cli.exitCode = await wait(cli, ids, quiet)
    },
  )
    .argument('<id...>', 'as `populi tasks` lists them')
    .option('-q, --quiet', 'print nothing')
}

async function wait(cli: Cli, ids: readonly string[], quiet: boolean): Promise<number> {
  const leave = new AbortController()
  const release = cli.io.onInterrupt(() => leave.abort())
  try {
    const codes = await Promise.all(
      ids.map(async (id) => {
        const task = await cli.client.wait(taskId(id), leave.signal)
        if (!quiet) await cli.answer(task, endText)
        return exitCodeOf(task)
      }),
    )
    return codes.find((code) => code !== 0) ?? 0
  } catch (thrown) {
    if (!leave.signal.aborted || toCodedError(thrown).code !== 'operation.cancelled') throw thrown
    return EXIT_INTERRUPTED
  } finally {
    // What else is waited for is not, when one of them cannot be.
    leave.abort()
    release()
  }
}
