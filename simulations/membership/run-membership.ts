/** `npm run sim -- --scenario membership`: all cases, profiles, sizes and seeds that were asked for, on all cores. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { runAll } from '../runner/pool.ts'
import { Progress } from '../runner/progress.ts'
import { addUp, figuresOf, type Outcome } from './figures.ts'
import type { MembershipJob, MembershipResult } from './job.ts'
import { reportPage } from './report.ts'
import { tableText, verdictText } from './summary.ts'
import { type CaseFigures, verdicts } from './targets.ts'

export interface MembershipPlan {
  readonly nodes: readonly number[]
  readonly profiles: readonly string[]
  readonly cases: readonly string[]
  readonly hours: number | undefined
  readonly seeds: readonly number[]
  /** Every run is made twice: the traces must be the same. */
  readonly isTwice: boolean
  readonly reportFile: string | undefined
}

const FOLDER = '.populi/simulations'

/** @returns the exit code: 1 when a target was missed, or a run was not repeatable. */
export async function runMembership(plan: MembershipPlan, isJson: boolean): Promise<number> {
  const jobs = jobsOf(plan)
  const progress = new Progress(jobs.length)
  const outcomes = new Map<string, Outcome[]>()
  const unlike: MembershipJob[] = []
  const startedMs = performance.now()
  await runAll<MembershipJob, MembershipResult>({
    program: new URL('./job-worker.ts', import.meta.url),
    jobs,
    nameOf,
    onResult: (job, { outcome, isRepeatable }) => {
      const known = outcomes.get(groupOf(job)) ?? []
      outcomes.set(groupOf(job), known)
      known[plan.seeds.indexOf(job.seed)] = outcome
      if (!isRepeatable) unlike.push(job)
      progress.step(!isRepeatable)
    },
  })
  const elapsedMs = Math.round(performance.now() - startedMs)
  const all = figuresOfAll(plan, outcomes)
  const judged = verdicts(all)
  const lines = [
    tableText(all),
    ...judged.map(verdictText),
    ...unlike.map((job) => `  NOT REPEATABLE  ${nameOf(job)}`),
    `${(elapsedMs / 1000).toFixed(1)} s on the clock; read ${writeReport(plan, all)}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  if (isJson) process.stdout.write(`${jsonLine(plan, all, elapsedMs)}\n`)
  return unlike.length === 0 && judged.every(({ isMet }) => isMet) ? 0 : 1
}

/** The longest first, so that the last ones do not keep one core busy alone. */
function jobsOf({ nodes, profiles, cases, hours, seeds, isTwice }: MembershipPlan): MembershipJob[] {
  return [...nodes]
    .sort((a, b) => b - a)
    .flatMap((size) =>
      cases.flatMap((name) =>
        profiles.flatMap((profile) =>
          seeds.map((seed) => ({ name, profile, nodes: size, seed, hours, isTwice })),
        ),
      ),
    )
}

function figuresOfAll(
  plan: MembershipPlan,
  outcomes: ReadonlyMap<string, readonly Outcome[]>,
): CaseFigures[] {
  return plan.nodes.flatMap((nodes) =>
    plan.cases.flatMap((name) =>
      plan.profiles.flatMap((profile) => {
        const [first, ...others] = outcomes.get(groupOf({ name, profile, nodes })) ?? []
        return first === undefined ? [] : [{ name, profile, nodes, ...figuresOf(addUp([first, ...others])) }]
      }),
    ),
  )
}

function writeReport({ nodes, reportFile }: MembershipPlan, all: readonly CaseFigures[]): string {
  const file = reportFile ?? `${FOLDER}/membership-${nodes.join('-')}.html`
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, reportPage(all))
  return file
}

function jsonLine({ nodes }: MembershipPlan, all: readonly CaseFigures[], elapsedMs: number): string {
  return JSON.stringify({
    scenario: 'membership',
    nodes: nodes.length === 1 ? nodes[0] : nodes,
    cases: all,
    elapsedMs,
  })
}

const groupOf = ({ name, profile, nodes }: Pick<MembershipJob, 'name' | 'profile' | 'nodes'>): string =>
  `${name} ${profile} ${nodes}`

const nameOf = (job: MembershipJob): string => `${groupOf(job)} seed ${job.seed}`
