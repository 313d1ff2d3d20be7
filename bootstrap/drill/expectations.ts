/**
 * What should become of a task, cell by cell. The promises (`judge.ts`) hold in every cell; this is what a person may count on besides.
 *
 * One row per fault, one word per step in the order of `STEPS`; each letter is an end that is right there:
 *
 *     W  completed at the worker, started once
 *     S  completed at the submitter, after the worker's attempt came to nothing
 *     C  cancelled
 *     F  failed, with its reason
 *
 * Several letters where it depends on what is faster: a lease that runs out, or a process that comes back.
 */
import { assert, present } from '../../src/base/index.ts'
import type { Fault } from './faults.ts'
import { STEPS, type Step } from './steps.ts'

export type Ending = 'W' | 'S' | 'C' | 'F'

const EXPECTED: Readonly<Record<string, string>> = {}

/** The letters that are right in this cell. */
export function expectedOf(step: Step, fault: Fault): readonly Ending[] {
  const row = present(EXPECTED[fault.name], `what is expected of ${fault.name}`).split(/\s+/)
  assert(row.length === STEPS.length, `${fault.name}: one word per step`)
  return [...present(row[STEPS.indexOf(step)], 'a word')] as Ending[]
}

export const endingText = (ending: Ending): string => ENDINGS[ending]

const ENDINGS: Readonly<Record<Ending, string>> = {
  W: 'completed at the worker',
  S: 'completed at the submitter',
  C: 'cancelled',
  F: 'failed',
}
