/** One run as the runner hands it to a worker thread, and what comes back. */

import { present } from '../../src/base/index.ts'
import { type Replay, runSeed, type SeedResult } from '../run-seed.ts'
import { scenarioNamed } from '../scenarios/index.ts'

export interface Job {
  readonly scenario: string
  readonly seed: number
  readonly replay: Replay | undefined
  /** Run it a second time: the trace must be the same. */
  readonly isTwice: boolean
  /** File of the corpus that it comes from. */
  readonly file: string | undefined
}

export async function runJob({ scenario: name, seed, replay, isTwice }: Job): Promise<SeedResult> {
  const scenario = present(scenarioNamed(name), `scenario ${name}`)
  const first = await runSeed({ scenario, seed, replay })
  if (!isTwice) return first
  const { traceHash } = await runSeed({ scenario, seed, replay })
  if (traceHash === first.traceHash) return first
  const message = `the trace of the second run is ${traceHash}, of the first ${first.traceHash}`
  return { ...first, violation: { checker: 'determinism', message, atMs: first.simulatedMs } }
}
