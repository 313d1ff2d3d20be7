/**
 * `npm run sim`: runs seeds of a scenario on all cores, the corpus first, and tells what failed, how to repeat it, and how little
 * of its schedule is needed for it. Exit code 0: all passed; 1: something failed; 2: wrong use.
 */
import { CodedError } from '../src/base/index.ts'
import { corpus, readRecordedRun } from './corpus.ts'
import { runMembership } from './membership/index.ts'
import { showMutations } from './mutations/index.ts'
import type { SeedResult } from './run-seed.ts'
import { commandFor, scheduleText, shrinkFailure, writeReport } from './runner/failure.ts'
import { type Job, runJob } from './runner/job.ts'
import { type Options, parseOptions, USAGE } from './runner/options.ts'
import { runAll } from './runner/pool.ts'
import { Progress } from './runner/progress.ts'

/** Failures that are shrunk and written down; of a hundred, the others are most often the same again. */
const REPORTS_MAX = 3
/** One run in so many is made twice, to see whether its trace is the same. */
const TWICE_EVERY = 50
const HOUR_MS = 3_600_000

interface Failed {
  readonly job: Job
  readonly result: SeedResult
}

async function main(options: Options): Promise<number> {
  switch (options.mode) {
    case 'help':
      process.stdout.write(USAGE)
      return 0
    case 'seeds':
      return runSeeds(options)
    case 'one':
      return runOne(jobFor(options.scenario, options.seed, true), options.isJson)
    case 'membership':
      return runMembership(options.plan, options.isJson)
    case 'mutations':
      return showMutations(options.mutations, options.isJson)
    case 'replay': {
      const { scenario, seed, replay } = readRecordedRun(options.file)
      return runOne({ scenario, seed, replay, isTwice: true, file: undefined }, options.isJson)
    }
  }
}

const jobFor = (scenario: string, seed: number, isTwice: boolean): Job => ({
  scenario,
  seed,
  replay: undefined,
  isTwice,
  file: undefined,
})

async function runSeeds(options: Extract<Options, { mode: 'seeds' }>): Promise<number> {
  const { scenario, from, count, isTwice, isJson } = options
  const known = corpus()
    .filter((run) => run.scenario === scenario)
    .map(({ seed, replay, file }): Job => ({ scenario, seed, replay, file, isTwice: false }))
  const drawn = Array.from({ length: count }, (_, at) =>
    jobFor(scenario, from + at, isTwice || at % TWICE_EVERY === 0),
  )
  const jobs = [...known, ...drawn]
  const progress = new Progress(jobs.length)
  const failed: Failed[] = []
  const figures = { steps: 0, simulatedMs: 0, lives: 0, undecided: 0 }
  const startedMs = performance.now()
  await runAll<Job, SeedResult>({
    program: new URL('./runner/seed-worker.ts', import.meta.url),
    jobs,
    nameOf: (job) => `${job.scenario} seed ${job.seed}`,
    onResult: (job, result) => {
      figures.steps += result.steps
      figures.simulatedMs += result.simulatedMs
      figures.lives += result.lives
      figures.undecided += result.undecided
      if (result.violation !== undefined) {
        failed.push({ job, result })
        progress.note(`${commandFor(job)}\n    ${result.violation.checker}: ${result.violation.message}`)
      }
      progress.step(result.violation !== undefined)
    },
  })
  const elapsedMs = Math.round(performance.now() - startedMs)
  failed.sort((a, b) => a.job.seed - b.job.seed)
  summarize(options, jobs.length - count, figures, failed, elapsedMs)
  if (!isJson) for (const { job, result } of failed.slice(0, REPORTS_MAX)) await explain(job, result)
  if (isJson) process.stdout.write(`${jsonLine(scenario, count, figures, failed, elapsedMs)}\n`)
  return failed.length === 0 ? 0 : 1
}

function summarize(
  { scenario, from, count }: { scenario: string; from: number; count: number },
  fromCorpus: number,
  figures: { steps: number; simulatedMs: number; lives: number; undecided: number },
  failed: readonly Failed[],
  elapsedMs: number,
): void {
  const { steps, simulatedMs, lives, undecided } = figures
  const lines = [
    `scenario ${scenario}: seeds ${from} to ${from + count - 1}, and ${fromCorpus} of the corpus`,
    `  ${steps.toLocaleString('en')} events and ${lives.toLocaleString('en')} tasks in ${(simulatedMs / HOUR_MS).toFixed(2)} simulated hours, ${(elapsedMs / 1000).toFixed(1)} s on the clock`,
    `  ${failed.length === 0 ? 'all passed' : `${failed.length} FAILED`}${undecided === 0 ? '' : `; ${undecided} searches were given up`}`,
    ...failed.map(({ job, result }) => `    ${result.violation?.checker}: ${commandFor(job)}`),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

function jsonLine(
  scenario: string,
  seeds: number,
  figures: { steps: number; simulatedMs: number; lives: number },
  failed: readonly Failed[],
  elapsedMs: number,
): string {
  const failures = failed.map(({ job, result }) => ({
    seed: job.seed,
    checker: result.violation?.checker,
    command: commandFor(job),
  }))
  const simulatedHours = figures.simulatedMs / HOUR_MS
  const { steps, lives } = figures
  return JSON.stringify({ scenario, seeds, steps, lives, simulatedHours, failures, elapsedMs })
}

async function runOne(job: Job, isJson: boolean): Promise<number> {
  const startedMs = performance.now()
  const result = await runJob(job)
  const elapsedMs = Math.round(performance.now() - startedMs)
  const failed = result.violation === undefined ? [] : [{ job, result }]
  process.stdout.write(
    `${job.scenario}, seed ${job.seed}: ${result.steps} events, ${result.lives} tasks, trace ${result.traceHash}\n`,
  )
  process.stdout.write(`  its faults:\n${scheduleText(result)}\n`)
  if (result.violation === undefined) process.stdout.write('  passed\n')
  else await explain(job, result)
  if (isJson) process.stdout.write(`${jsonLine(job.scenario, 1, result, failed, elapsedMs)}\n`)
  return failed.length === 0 ? 0 : 1
}

/** For people: what was wrong, the fewest faults with which it is, and where to read the whole story. */
async function explain(job: Job, result: SeedResult): Promise<void> {
  const why = `${result.violation?.checker}: ${result.violation?.message}`
  process.stdout.write(`\n${job.scenario}, seed ${job.seed} FAILED\n  ${why}\n`)
  const progress = new Progress(Number.POSITIVE_INFINITY)
  progress.note(`shrinking the schedule of ${result.faults.length} faults …`)
  const replay =
    result.violation?.checker === 'determinism'
      ? undefined
      : await shrinkFailure(job, result, () => undefined)
  if (replay !== undefined)
    process.stdout.write(
      `  ${replay.faults.length} of ${result.faults.length} faults are enough:\n${scheduleText(replay)}\n`,
    )
  const report = await writeReport(job, replay ?? job.replay, why)
  process.stdout.write(`  read ${report.text} or open ${report.page}\n`)
  process.stdout.write(`  repeat: npm run sim -- --replay ${report.run}\n`)
}

try {
  process.exitCode = await main(parseOptions(process.argv.slice(2)))
} catch (thrown) {
  if (!(thrown instanceof CodedError)) throw thrown
  process.stderr.write(`${thrown.message}\n${thrown.hint}\n`)
  process.exitCode = thrown.exitCode
}
