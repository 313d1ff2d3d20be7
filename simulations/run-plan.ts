/**
 * One run: a plan and a seed make a world, a workload and a schedule of faults; first the faults strike (safety), then
 * all is healed and everything must come to its end (liveness). Judges nothing: that is for whoever observes.
 */
import type { Random } from '../src/base/index.ts'
import { FaultInjector } from './faults/injector.ts'
import type { Observer } from './observation.ts'
import type { Plan } from './scenarios/scenario.ts'
import { Household } from './workload/household.ts'
import { World } from './world/world.ts'

/** How often the workload is asked whether all of it has come to its end. */
const REST_LOOK_MS = 100
/** So many looks in a row must find nothing: what is still on its way would come up. */
const QUIET_LOOKS = 5

export interface RunInit {
  readonly plan: Plan
  readonly random: Random
  readonly observers: readonly Observer[]
  /** Asked after each event; `true` ends the run there. */
  readonly isOver: () => boolean
}

export interface RunFigures {
  /** Events that happened. */
  readonly steps: number
  readonly simulatedMs: number
  /** Tasks that were taken on. */
  readonly lives: number
  /** What nodes did that no fault excuses. */
  readonly defects: readonly string[]
}

export async function runPlan({ plan, random, observers, isOver }: RunInit): Promise<RunFigures> {
  const world = await World.create({
    random: random.fork(),
    names: Array.from({ length: plan.machines }, (_, at) => nameOf(at)),
    config: plan.config,
    neverVote: plan.neverVote.map(nameOf),
    raftOptions: plan.raftOptions,
    paths: plan.paths,
    disks: plan.disks,
    clockRateSpread: plan.clockRateSpread,
    observers,
  })
  const household = new Household(world, plan, random.fork())
  const injector = new FaultInjector(world, plan.config.driftRatio / 2, {
    join: () => household.invite(),
    left: (machine) => household.left(machine),
    quarantine: (machine, on) => household.quarantine(machine, on),
  })
  const ended = (): boolean => world.defects.length > 0 || isOver()
  world.observe({ type: 'phase', phase: 'safety' })
  injector.schedule(plan.faults)
  household.start()
  await world.run(plan.safetyMs, ended)
  if (!ended()) await rest(world, plan, injector, household, ended)
  return {
    steps: world.queue.steps,
    simulatedMs: world.queue.nowMs,
    lives: household.lives,
    defects: world.defects,
  }
}

const nameOf = (index: number): string => `m${index + 1}`

async function rest(
  world: World,
  plan: Plan,
  injector: FaultInjector,
  household: Household,
  ended: () => boolean,
): Promise<void> {
  injector.heal()
  world.observe({ type: 'phase', phase: 'heal' })
  household.stop()
  const { queue } = world
  const untilMs = queue.nowMs + plan.restWithinMs
  household.probe()
  for (let quiet = 0; quiet < QUIET_LOOKS && queue.nowMs < untilMs && !ended(); ) {
    await world.run(queue.nowMs + REST_LOOK_MS, ended)
    quiet = household.isAtRest ? quiet + 1 : 0
  }
  if (!ended()) world.observe({ type: 'phase', phase: 'end' })
}
