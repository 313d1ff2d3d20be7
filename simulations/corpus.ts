/**
 * Runs that once found something, as files: a seed, or a seed with a shrunk schedule. They run first, always, and for ever,
 * because a mistake that was made once is made again.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { CodedError, present } from '../src/base/index.ts'
import { timedFaultSchema } from './faults/fault.ts'
import { scenarioNamed } from './scenarios/index.ts'

/** Also what a failing run is written as. */
const recordedRunSchema = z.strictObject({
  scenario: z.string(),
  seed: z.int().nonnegative(),
  /** Absent: what the seed draws. */
  replay: z.strictObject({ faults: z.array(timedFaultSchema), safetyMs: z.number().positive() }).optional(),
  /** What it found. */
  why: z.string(),
})
export type RecordedRun = z.output<typeof recordedRunSchema>

const FOLDER = new URL('./corpus/', import.meta.url)

/** @throws CodedError `input.invalid` when a file of the corpus is not a recorded run. */
export function corpus(): readonly (RecordedRun & { readonly file: string })[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...readRecordedRun(fileURLToPath(new URL(file, FOLDER))) }))
}

/** @throws CodedError `input.invalid` when there is no such file, or something else is in it. */
export function readRecordedRun(path: string): RecordedRun {
  try {
    const run = recordedRunSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    present(scenarioNamed(run.scenario), `scenario ${run.scenario}`)
    return run
  } catch (cause) {
    const accepts = 'a run that `npm run sim` has written down'
    throw new CodedError('input.invalid', { field: 'the run', got: path, accepts }, { cause })
  }
}
