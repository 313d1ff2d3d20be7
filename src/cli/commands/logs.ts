import type { Command } from 'commander'
import { type TaskId, taskId, toCodedError, unreachable } from '../../base/index.ts'
import { type LogEvent, type LogRequest, toJson } from '../../node/control/index.ts'
import { addCommand, type Cli } from '../command.ts'
import { jsonOutput } from '../json-output.ts'
import { tailOption } from '../options.ts'

interface LogsOptions {
  readonly follow?: boolean
  readonly tail?: LogRequest['tail']
}

export function addLogs(cli: Cli, program: Command): void {
  addCommand<LogsOptions>(
    cli,
    program,
    'logs',
    {
      summary: 'print what a task has printed; -f goes on until it ends',
      description:
        'Byte for byte, to standard output and standard error as the task did. Of long output the newest is kept; how much is missing is told on standard error. -f ends when the task has ended, or at Ctrl-C, which the task does not feel. The exit code is 0 either way: that of the command says `populi wait`.',
      examples: ['populi logs -f 4711', 'populi logs --tail 20 4711'],
    },
    async ({ follow = false, tail }, [id = '']) => read(cli, { taskId: taskId(id), follow, tail }),
  )
    .argument('<id>', 'as `populi tasks` lists it')
    .option('-f, --follow', 'go on with what it prints, until it has ended')
    .option('--tail <amount>', 'only the newest: 100 is so many lines, 64KiB so many bytes', tailOption)
}

async function read(cli: Cli, request: LogRequest): Promise<void> {
  const leave = new AbortController()
  const release = cli.io.onInterrupt(() => leave.abort())
  try {
    await cli.client.logs(request, (event) => tell(cli, request.taskId, event), leave.signal)
  } catch (thrown) {
    if (!leave.signal.aborted || toCodedError(thrown).code !== 'operation.cancelled') throw thrown
  } finally {
    release()
  }
}

async function tell(cli: Cli, id: TaskId, event: LogEvent): Promise<void> {
  switch (event.type) {
    case 'output':
      if (cli.json) return cli.io.stdout.write(`${toJson(jsonOutput(event))}\n`)
      return cli.io[event.stream].write(event.chunk)
    case 'missing':
      if (cli.json) return cli.io.stdout.write(`${toJson(event)}\n`)
      return cli.say(
        `populi: here ${event.bytes} bytes of task ${id} are missing: they are not kept any more\n`,
      )
    default:
      return unreachable(event)
  }
}
