/**
 * Runs that once found something, as files: a seed, or a seed with a shrunk schedule. They run first, always, and for ever,
 * because a mistake that was made once is made again.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { timedFaultSchema } from './faults/fault.ts'

/** Also what a failing run is written as. */
export const recordedRunSchema = z.strictObject({
  scenario: z.string(),
  seed: z.int().nonnegative(),
  /** Absent: what the seed draws. */
  replay: z.strictObject({ faults: z.array(timedFaultSchema), safetyMs: z.number().positive() }).optional(),
  /** What it found. */
  why: z.string(),
})
export type RecordedRun = z.output<typeof recordedRunSchema>

const FOLDER = new URL('./corpus/', import.meta.url)

/** @throws when a file of the corpus is not a recorded run. */
export function corpus(): readonly (RecordedRun & { readonly file: string })[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ file, ...parseRecordedRun(readFileSync(new URL(file, FOLDER), 'utf8')) }))
}

export const parseRecordedRun = (text: string): RecordedRun => recordedRunSchema.parse(JSON.parse(text))
