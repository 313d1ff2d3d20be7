/** What all commands have in common: `--json`, `--data-dir`, an example, and how they answer. */
import type { Command } from 'commander'
import { type NodeControlClient, toJson } from '../node/control/index.ts'
import type { CliDeps } from './deps.ts'
import type { CliIo } from './io.ts'
import { dataDirectory } from './options.ts'
import { type Paint, paintFor } from './render/paint.ts'

/** One call of the program. */
export class Cli {
  readonly io: CliIo
  readonly deps: CliDeps
  /** Set by the command that was called, before it does anything else. */
  json = false
  dataDir = ''
  /** What the process ends with when nothing was thrown. */
  exitCode = 0

  constructor(io: CliIo, deps: CliDeps) {
    this.io = io
    this.deps = deps
  }

  get client(): NodeControlClient {
    return this.deps.connect(this.dataDir)
  }

  /** How tables and fields are to be drawn on standard output. */
  get look(): { readonly paint: Paint; readonly width: number | undefined } {
    return { paint: paintFor(this.io, this.io.stdout), width: this.io.stdout.columns }
  }

  /** The answer of a command: `value` for programs, or what `render` makes of it for people. */
  async answer<Value>(value: Value, render: (value: Value) => string): Promise<void> {
    await this.io.stdout.write(this.json ? `${toJson(value)}\n` : render(value))
  }

  /** A further word for people, beside the answer. */
  async say(text: string): Promise<void> {
    await this.io.stderr.write(text)
  }
}

interface CommandText {
  readonly summary: string
  /** More than the summary says, for `--help`. */
  readonly description?: string
  /** Without the prompt. */
  readonly examples: readonly string[]
}

/**
 * Adds a command to `program`. Its options and arguments follow on the result; `action` comes last.
 * @param usage name and arguments, e.g. `task <id>`.
 */
export function addCommand<Options>(
  cli: Cli,
  program: Command,
  usage: string,
  text: CommandText,
  action: (options: Options, args: readonly string[]) => Promise<void>,
): Command {
  const description = text.description === undefined ? text.summary : `${text.summary}\n\n${text.description}`
  const examples = text.examples.map((line) => `  $ ${line}\n`).join('')
  const command: Command = program
    .command(usage)
    .summary(text.summary)
    .description(description)
    .option('--json', 'print JSON for programs')
    .option('--data-dir <folder>', 'where the node keeps its data')
    .addHelpText('after', `\nExample:\n${examples}`)
    .action(async () => {
      const options = command.optsWithGlobals<{ json?: boolean; dataDir?: string }>()
      cli.json = options.json === true
      cli.dataDir = dataDirectory(command.opts<{ dataDir?: string }>().dataDir ?? options.dataDir, cli.io)
      await action(options as Options, command.args)
    })
  return command
}
