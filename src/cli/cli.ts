/** The program `populi`: from arguments to an exit code. It neither reads nor ends the process that it runs in. */
import { Command, CommanderError } from 'commander'
import { Cli } from './command.ts'
import { addAdmin } from './commands/admin.ts'
import { addCancel } from './commands/cancel.ts'
import { addDrain } from './commands/drain.ts'
import { addEvents } from './commands/events.ts'
import { addInit } from './commands/init.ts'
import { addInvite } from './commands/invite.ts'
import { addJoin } from './commands/join.ts'
import { addLeases } from './commands/leases.ts'
import { addLogs } from './commands/logs.ts'
import { addNodes } from './commands/nodes.ts'
import { addRevoke } from './commands/revoke.ts'
import { addRun } from './commands/run.ts'
import { addStatus } from './commands/status.ts'
import { addStore } from './commands/store.ts'
import { addSubmit } from './commands/submit.ts'
import { addTask } from './commands/task.ts'
import { addTasks } from './commands/tasks.ts'
import { addUp } from './commands/up.ts'
import { addVersion } from './commands/version.ts'
import { addWait } from './commands/wait.ts'
import type { CliDeps } from './deps.ts'
import { reportError, reportUsage } from './errors.ts'
import type { CliIo } from './io.ts'

const EPILOGUE = `
Data directory: --data-dir, else $POPULI_DATA_DIR, else $XDG_DATA_HOME/populi, else ~/.local/share/populi.

Exit codes: 0 done, 1 failed, 2 wrong use, 3 not found, 4 refused, 5 not available now (try again),
6 damaged data. \`populi run\` and \`populi wait\` end with the exit code of the command, 128 + signal number if a signal
ended it.

Start with:
  $ populi init
  $ populi up
`

/**
 * Runs one command.
 * @param argv arguments without program and script.
 * @returns the exit code. Never rejects; everything to be said has been written.
 */
export async function main(argv: readonly string[], io: CliIo, deps: CliDeps): Promise<number> {
  const cli = new Cli(io, deps)
  const written: Promise<void>[] = []
  const program = buildProgram(cli, (sink, text) => written.push(io[sink].write(text)))
  try {
    await program.parseAsync(argv, { from: 'user' })
    await Promise.all(written)
    return cli.exitCode
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return reportError(thrown, io, cli.json)
    return Promise.all(written)
      .then(() => reportUsage(thrown, io, commandPath(program, argv)))
      .catch((failed: unknown) => reportError(failed, io, false))
  }
}

function buildProgram(cli: Cli, write: (sink: 'stdout' | 'stderr', text: string) => void): Command {
  const program = new Command('populi')
    .description("A person's own machines as one GPU mesh with no hub.")
    .option('--data-dir <folder>', 'where the node keeps its data')
    .version(cli.deps.version)
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText('after', EPILOGUE)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => write('stdout', text),
      writeErr: (text) => write('stderr', text),
      getOutHelpWidth: () => cli.io.stdout.columns ?? 100,
      getErrHelpWidth: () => cli.io.stderr.columns ?? 100,
      // Told by `reportUsage`, in the form of all other errors.
      outputError: () => undefined,
    })
  for (const add of COMMANDS) add(cli, program)
  return program
}

/** In the order of `--help`: as a newcomer meets them. */
const COMMANDS = [
  addInit,
  addUp,
  addInvite,
  addJoin,
  addRun,
  addSubmit,
  addStatus,
  addNodes,
  addLeases,
  addRevoke,
  addTasks,
  addTask,
  addLogs,
  addWait,
  addCancel,
  addDrain,
  addAdmin,
  addEvents,
  addStore,
  addVersion,
]

function commandPath(program: Command, argv: readonly string[]): string {
  const named = program.commands.find((command) => argv.includes(command.name()))
  return named === undefined ? 'populi' : `populi ${named.name()}`
}
