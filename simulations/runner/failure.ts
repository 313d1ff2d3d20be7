/** What is done with a failing run: its schedule is shrunk, and it is written down for people. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { present } from '../../src/base/index.ts'
import type { RecordedRun } from '../corpus.ts'
import { describeFault } from '../faults/fault.ts'
import { type Replay, runSeed, type SeedResult } from '../run-seed.ts'
import { type Scenario, scenarioNamed } from '../scenarios/index.ts'
import { shrink } from '../shrink.ts'
import { Timeline } from '../timeline.ts'
import { timelinePage } from '../timeline-page.ts'
import type { Job } from './job.ts'

/** A schedule of thirty faults takes some fifty questions. */
const SHRINKING_RUNS_MAX = 80
/** Beside the place from which `npm run sim` is called; nothing of it is tracked. */
const FOLDER = '.populi/simulations'

export const commandFor = ({ scenario, seed, file }: Pick<Job, 'scenario' | 'seed' | 'file'>): string =>
  file === undefined
    ? `npm run sim -- --scenario ${scenario} --seed ${seed}`
    : `npm run sim -- --replay simulations/corpus/${file}`

/** The smallest schedule found with which the same checker still objects; the run ends soon after it does. */
export async function shrinkFailure(job: Job, result: SeedResult, onRun: () => void): Promise<Replay> {
  const scenario = present(scenarioNamed(job.scenario), 'the scenario that was run')
  const violation = present(result.violation, 'what a failing run failed with')
  const failsWith = async (replay: Replay): Promise<boolean> => {
    onRun()
    const again = await runSeed({ scenario, seed: job.seed, replay })
    return again.violation?.checker === violation.checker
  }
  const struck = result.faults.filter(({ atMs }) => atMs <= violation.atMs)
  const { items: faults } = await shrink(
    struck,
    (kept) => failsWith({ faults: kept, safetyMs: result.safetyMs }),
    SHRINKING_RUNS_MAX,
  )
  const shorter = { faults, safetyMs: Math.max(1, faults.at(-1)?.atMs ?? 1) }
  return (await failsWith(shorter)) ? shorter : { faults, safetyMs: result.safetyMs }
}

export interface Report {
  readonly text: string
  readonly page: string
  readonly run: string
}

/** Plays a run again and writes its timeline, as text and as a page, and the run itself so that it can be repeated. */
export async function writeReport(job: Job, replay: Replay | undefined, why: string): Promise<Report> {
  const scenario: Scenario = present(scenarioNamed(job.scenario), 'the scenario that was run')
  const timeline = new Timeline()
  const { violation } = await runSeed({ scenario, seed: job.seed, replay, observers: [timeline] })
  if (violation !== undefined) timeline.violation(violation)
  mkdirSync(FOLDER, { recursive: true })
  const base = join(FOLDER, `${job.scenario}-${job.seed}`)
  const report: Report = { text: `${base}.txt`, page: `${base}.html`, run: `${base}.json` }
  const recorded: RecordedRun = {
    scenario: job.scenario,
    seed: job.seed,
    ...(replay === undefined ? {} : { replay: { faults: [...replay.faults], safetyMs: replay.safetyMs } }),
    why,
  }
  const command = `npm run sim -- --replay ${report.run}`
  writeFileSync(report.text, timeline.toText())
  writeFileSync(report.page, timelinePage(timeline, { scenario: job.scenario, seed: job.seed, command }))
  writeFileSync(report.run, `${JSON.stringify(recorded, undefined, 2)}\n`)
  return report
}

export const scheduleText = ({ faults }: Replay): string =>
  faults.length === 0
    ? '    (no fault at all)'
    : faults.map((fault) => `    ${describeFault(fault)}`).join('\n')
