/** One case, one profile, one seed: the members start and come to agree, then the case is played and judged. */
import { assert, Random } from '../../src/base/index.ts'
import type { Case } from './cases.ts'
import type { Outcome } from './figures.ts'
import { Judge } from './judge.ts'
import type { Profile } from './profiles.ts'
import { type Script, Stage } from './stage.ts'
import { World } from './world.ts'

export interface RunInit {
  readonly one: Case
  readonly profile: Profile
  readonly nodes: number
  readonly seed: number
  /** `undefined`: as long as the case usually takes. */
  readonly hours: number | undefined
}

const HOUR_MS = 3_600_000
const START_WITHIN_MS = 2000
/** Until everybody has heard of everybody once. */
const WARM_UP_MS_MAX = 1_800_000
/** Until the connections of the start that nobody wants any more are closed. */
const SETTLE_MS = 150_000
/** Between two changes of one member's record: a task starts or ends. */
const RECORD_MEAN_MS = 600_000

export function runCase({ one, profile, nodes, seed, hours = one.hours(nodes) }: RunInit): Outcome {
  const random = new Random(seed)
  const judge = new Judge(nodes)
  const world = new World({
    nodes,
    options: profile.options,
    hangsUp: profile.hangsUp,
    quality: one.quality,
    random: random.fork(),
    facts: judge,
  })
  warmUp(world, judge, random)
  const fromMs = world.now
  const startDegreeMax = world.degreeMax
  const stage = new Stage(world, judge, random.fork(), fromMs + hours * HOUR_MS)
  world.resetMeasures()
  judge.begin(fromMs)
  for (let node = 0; node < nodes; node += 1) stage.play(changeRecords(stage, node))
  let isOver = false
  stage.play(one.script(stage), () => {
    isOver = true
  })
  while (!isOver) world.run(world.now + 1000)
  return { ...outcomeOf(world, judge, stage, world.now - fromMs), startDegreeMax }
}

function warmUp(world: World, judge: Judge, random: Random): void {
  for (let node = 0; node < world.nodes; node += 1)
    world.stage(random.float() * START_WITHIN_MS, () => world.start(node))
  world.run(START_WITHIN_MS)
  while (!judge.isAgreed() && world.now < WARM_UP_MS_MAX) world.run(world.now + 1000)
  world.run(world.now + SETTLE_MS)
}

function* changeRecords(stage: Stage, node: number): Script {
  for (let tasks = 1; ; tasks += 1) {
    yield stage.exponentialMs(RECORD_MEAN_MS)
    stage.world.changeRecord(node, tasks % 8)
  }
}

function outcomeOf(
  world: World,
  judge: Judge,
  stage: Stage,
  lastedMs: number,
): Omit<Outcome, 'startDegreeMax'> {
  assert(lastedMs > 0, 'a case takes time')
  const traffic = world.traffic.figures()
  const { detections } = stage
  const found = (of: (one: (typeof detections)[number]) => number | undefined): number[] =>
    detections.map(of).filter((ms) => ms !== undefined)
  const everywhereMs = found((one) => one.everywhereMs)
  return {
    nodes: world.nodes,
    memberHours: judge.memberHours(world.now),
    errors: judge.errors,
    traffic,
    degreeMax: world.degreeMax,
    firstSuspicionMs: found((one) => one.firstSuspicionMs),
    firstDeadMs: found((one) => one.firstDeadMs),
    everywhereMs,
    missed: detections.length - everywhereMs.length,
    convergedMs: stage.convergedMs,
    unconverged: stage.unconverged,
    steps: world.steps,
    traces: [world.traceHash],
    busiestBytesPerSecond: (traffic.payloadBytesMax * 1000) / lastedMs,
  }
}
