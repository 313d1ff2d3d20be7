/**
 * Shows that the simulations would find the mistakes of the catalogue: each mutation runs alone, in a process of its own, over
 * more and more seeds of its scenarios, until some checker objects or the budget is spent. The seeds are those that
 * `npm run sim` begins with, so what catches a mutation here would have caught it there. A seed that fails without the
 * mutation as well is no evidence.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { assert } from '../../src/base/index.ts'
import type { Mutation } from './mutation.ts'

/** Most are caught within the first few; each process takes a second to start, so later batches are larger. */
const BATCHES = [4, 12, 48, 192] as const
/** A batch of a mutant that hangs is given up after this. */
const BATCH_MS_MAX = 300_000
/** The report of a batch has a line per failing seed. */
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024

const reportSchema = z.object({
  failures: z.array(z.object({ seed: z.number(), checker: z.string() })),
})

export interface Caught {
  readonly checker: string
  readonly scenario: string
  readonly seed: number
}

/** Runs some seeds of a scenario, with a mutation or without: those that failed. */
export type RunBatch = (batch: {
  readonly mutation: Mutation | undefined
  readonly scenario: string
  readonly from: number
  readonly seeds: number
}) => Promise<readonly Caught[]>

/** The last line of `npm run sim -- --mutations --json`. */
export interface MutationReport {
  /** `caughtBy`: name of the checker, `null` for one that nobody noticed. */
  readonly mutations: readonly { readonly name: string; readonly caughtBy: string | null }[]
  readonly uncaught: readonly string[]
}

export interface MutationRun {
  readonly mutations: readonly Mutation[]
  readonly runBatch: RunBatch
  /** Told after each mutation, in order. */
  readonly onResult: (mutation: Mutation, caught: Caught | undefined, elapsedMs: number) => void
}

export async function runMutations({ mutations, runBatch, onResult }: MutationRun): Promise<MutationReport> {
  const results: { name: string; caughtBy: string | null }[] = []
  for (const mutation of mutations) {
    const startedMs = performance.now()
    const caught = await hunt(mutation, runBatch)
    results.push({ name: mutation.name, caughtBy: caught?.checker ?? null })
    onResult(mutation, caught, performance.now() - startedMs)
  }
  const uncaught = results.filter(({ caughtBy }) => caughtBy === null).map(({ name }) => name)
  return { mutations: results, uncaught }
}

/** Few seeds of every scenario before many of any. */
async function hunt(mutation: Mutation, runBatch: RunBatch): Promise<Caught | undefined> {
  let from = 1
  for (const seeds of BATCHES) {
    for (const scenario of mutation.scenarios) {
      for (const caught of await runBatch({ mutation, scenario, from, seeds })) {
        const without = await runBatch({ mutation: undefined, scenario, from: caught.seed, seeds: 1 })
        if (without.length === 0) return caught
      }
    }
    from += seeds
  }
  return undefined
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const PRELOAD = fileURLToPath(new URL('./preload.ts', import.meta.url))

/** A batch as a process. @throws when the process gives no report: the mutation is stale, or the simulator is broken. */
export const runBatchInProcess: RunBatch = ({ mutation, scenario, from, seeds }) => {
  const batch = ['--scenario', scenario, '--from', `${from}`, '--seeds', `${seeds}`, '--json']
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      ['--import', PRELOAD, MAIN, ...batch],
      {
        env: { ...process.env, POPULI_MUTATION: mutation?.name },
        timeout: BATCH_MS_MAX,
        killSignal: 'SIGKILL',
        maxBuffer: OUTPUT_BYTES_MAX,
      },
      (error, stdout, stderr) => {
        // Too slow to say: not caught, whatever the reason.
        if (error?.killed) return resolve([])
        try {
          resolve(failuresOf(scenario, stdout, stderr))
        } catch (thrown) {
          reject(thrown)
        }
      },
    )
  })
}

function failuresOf(scenario: string, stdout: string, stderr: string): readonly Caught[] {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  const end = stderr.trimEnd().split('\n').slice(-12).join('\n')
  assert(line.startsWith('{'), `the simulator gave no report: ${end}`)
  const { failures } = reportSchema.parse(JSON.parse(line))
  return failures.map(({ seed, checker }) => ({ scenario, seed, checker }))
}
