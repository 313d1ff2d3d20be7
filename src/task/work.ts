/** What a task is to do: a command (design §8), or a call of a function that a program registered at its node. */
import { z } from 'zod'
import { LIMITS } from '../base/index.ts'

const commandSchema = z.object({
  argv: z.tuple([z.string().min(1)], z.string()),
  cwd: z.string().min(1).optional(),
  env: z.record(z.string(), z.string()),
  /** Wall time after which the command is ended. */
  timeout_ms: z.number().int().positive().optional(),
})
export type Command = z.output<typeof commandSchema>

const functionCallSchema = z.object({
  /** As registered: what decides which nodes can run it. */
  name: z.string().min(1).max(LIMITS.idBytesMax),
  /** The argument as JSON text. */
  input_json: z.string().max(LIMITS.envelopeBytesMax),
  /** Wall time after which the call is ended. */
  timeout_ms: z.number().int().positive().optional(),
})
export type FunctionCall = z.output<typeof functionCallSchema>

/** Exactly one of the two. Both keys are those of the envelope's payload. */
export const workSchema = z.union([
  z.object({ command: commandSchema }),
  z.object({ function: functionCallSchema }),
])
export type Work = z.output<typeof workSchema>

export function commandOf(work: Work): Command | undefined {
  return 'command' in work ? work.command : undefined
}

export function functionOf(work: Work): FunctionCall | undefined {
  return 'function' in work ? work.function : undefined
}

/** One line for people: `task_description` of the contract. */
export function describeWork(work: Work): string {
  return 'command' in work ? work.command.argv.join(' ') : work.function.name
}

export function timeoutMsOf(work: Work): number | undefined {
  return ('command' in work ? work.command : work.function).timeout_ms
}
