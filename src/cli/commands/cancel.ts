import type { Command } from 'commander'
import { taskId } from '../../base/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { reportError } from '../errors.ts'
import { endText } from '../render/task.ts'

export function addCancel(cli: Cli, program: Command): void {
  addCommand(
    cli,
    program,
    'cancel',
    {
      summary: 'cancel tasks and wait until they have ended',
      description:
        'All are asked at once. A task on a node that is out of reach has ended when its lease is over. Ctrl-C stops waiting; the cancelling goes on. With --json one line per task.',
      examples: ['populi cancel 4711', 'populi cancel 4711 4712'],
    },
    async (_, ids) => {
      const codes = await Promise.all(ids.map((id) => cancel(cli, id)))
      cli.exitCode = codes.find((code) => code !== 0) ?? 0
    },
  ).argument('<id...>', 'as `populi tasks` lists them')
}

/** One that cannot be cancelled keeps no other from it. */
async function cancel(cli: Cli, id: string): Promise<number> {
  try {
    await cli.answer(await cli.client.cancel(taskId(id)), endText)
    return 0
  } catch (thrown) {
    return await reportError(thrown, cli.io, cli.json)
  }
}
