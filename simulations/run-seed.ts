/** One seed of one scenario, judged: the plan is drawn, the run is made, every checker looks on, the trace is hashed. */
import { Random } from '../src/base/index.ts'
import { CheckerSuite, type Violation } from './checkers/index.ts'
import type { TimedFault } from './faults/fault.ts'
import type { Observer } from './observation.ts'
import { runPlan } from './run-plan.ts'
import type { Plan, Scenario } from './scenarios/scenario.ts'
import { TraceHash } from './trace.ts'
import { withNames } from './world/foundation.ts'

/** What a run does otherwise than its seed says: how a shrunk schedule is played again. */
export interface Replay {
  /** Instead of the faults that the seed draws. */
  readonly faults: readonly TimedFault[]
  /** When the safety phase ends. */
  readonly safetyMs: number
}

export interface SeedResult {
  readonly seed: number
  /** The first thing that was wrong; everything after it may only follow from it. */
  readonly violation: Violation | undefined
  /** Searches that a checker gave up: neither a pass nor a failure. */
  readonly undecided: number
  readonly steps: number
  readonly simulatedMs: number
  readonly lives: number
  readonly traceHash: string
  readonly faults: readonly TimedFault[]
  readonly safetyMs: number
}

export interface SeedInit {
  readonly scenario: Scenario
  readonly seed: number
  readonly replay?: Replay | undefined
  readonly observers?: readonly Observer[] | undefined
}

export async function runSeed({ scenario, seed, replay, observers = [] }: SeedInit): Promise<SeedResult> {
  const random = new Random(seed)
  const plan: Plan = { ...scenario.plan(random.fork()), ...replay }
  let violation: Violation | undefined
  let undecided = 0
  const suite = new CheckerSuite(
    {
      violation: (found) => {
        violation ??= { ...found, message: withNames(found.message) }
      },
      undecided: () => {
        undecided += 1
      },
    },
    {
      driftRatio: plan.config.driftRatio,
      driftBounded: !plan.clocksAreUnbounded,
      historiesComplete: true,
      grantWithinMs: plan.grantWithinMs,
    },
  )
  const trace = new TraceHash()
  const rejections = new Rejections()
  const figures = await runPlan({
    plan,
    random,
    observers: [trace, suite, ...observers],
    isOver: () => violation !== undefined,
  })
  if (violation === undefined) suite.finish()
  const [defect] = [...figures.defects, ...(await rejections.stop())]
  if (defect !== undefined) violation ??= { checker: 'no-defect', message: defect, atMs: figures.simulatedMs }
  return {
    seed,
    violation,
    undecided,
    steps: figures.steps,
    simulatedMs: figures.simulatedMs,
    lives: figures.lives,
    traceHash: trace.digest(),
    faults: plan.faults,
    safetyMs: plan.safetyMs,
  }
}

/** Promises of this run that failed and that nobody waited for: in a real process each of them ends it. */
class Rejections {
  private readonly reasons: string[] = []
  private readonly listener = (reason: unknown): void => {
    this.reasons.push(`unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`)
  }

  constructor() {
    process.on('unhandledRejection', this.listener)
  }

  async stop(): Promise<readonly string[]> {
    // They are told in the turn after the one in which they happened.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', this.listener)
    return this.reasons
  }
}
