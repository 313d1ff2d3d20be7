/**
 * Errors as people see them: one sentence and one hint, no stack. The sentence is `CodedError`'s own; the exit code too.
 */
import type { CommanderError } from 'commander'
import { type CodedError, toCodedError } from '../base/index.ts'
import { toJson } from '../node/control/index.ts'
import type { CliIo } from './io.ts'
import { paintFor } from './render/paint.ts'
import { printable } from './render/text.ts'

/** Wrong use of the command line, as in `ERRORS`. */
const EXIT_USAGE = 2

/** Says what went wrong and returns the exit code. With `json`, programs read the same on standard output. */
export async function reportError(thrown: unknown, io: CliIo, json: boolean): Promise<number> {
  const error = toCodedError(thrown)
  // Whoever closed our output (`populi tasks | head -1`) does not wait for a word about it.
  if (error.code === 'output.closed') return error.exitCode
  try {
    if (json) await io.stdout.write(`${toJson({ error: error.toShape() })}\n`)
    await io.stderr.write(lines(error, io))
  } catch {
    // Nobody is left to be told; the exit code still says it.
  }
  return error.exitCode
}

function lines(error: CodedError, io: CliIo): string {
  const paint = paintFor(io, io.stderr)
  const head = `${paint('red', 'populi:')} ${printable(error.message)}\n`
  const hint = `  ${paint('dim', 'hint:')} ${printable(error.hint)}\n`
  const log = `  ${paint('dim', 'log:')} standard error of \`populi up\`\n`
  return error.code === 'internal' ? head + hint + log : head + hint
}

/** What commander found wrong in the arguments. Its help and version end the program too, without being errors. */
export async function reportUsage(thrown: CommanderError, io: CliIo, commandPath: string): Promise<number> {
  if (thrown.exitCode === 0) return 0
  // The bare command: commander has written the help already.
  if (thrown.code === 'commander.help') return EXIT_USAGE
  const paint = paintFor(io, io.stderr)
  const [sentence = '', suggestion] = thrown.message.replace(/^error: /, '').split('\n')
  const hint = suggestion === undefined ? '' : `${suggestion.replace(/^\(|\)$/g, '')} `
  await io.stderr.write(
    `${paint('red', 'populi:')} ${printable(sentence)}\n  ${paint('dim', 'hint:')} ${printable(hint)}\`${commandPath} --help\` shows what there is\n`,
  )
  return EXIT_USAGE
}
