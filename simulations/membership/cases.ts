/** What is done to the members: one case each. A new one is a line here. */
import type { Ending } from './facts.ts'
import { LAN, type PathQuality } from './paths.ts'
import type { Script, Stage } from './stage.ts'

export interface Case {
  readonly name: string
  readonly summary: string
  readonly quality: PathQuality
  /** How long it runs unless somebody says otherwise. */
  readonly hours: (nodes: number) => number
  readonly script: (stage: Stage) => Script
}

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
/** After this long, what has not been found out or agreed on counts as never. */
const PATIENCE_MS = 5 * MINUTE_MS

/** About as many member-hours for each size, but long enough for the heartbeats of a large mesh. */
const usualHours = (nodes: number): number => Math.max(0.15, 30 / nodes)

const UPTIME_MEAN_MS = 10 * MINUTE_MS
const DOWNTIME_MEAN_MS = 2 * MINUTE_MS
const SLOW_RATIO = 0.1
/** Lifeguard §V: what makes a member slow lasts 128 ms to 32 s, and comes again after 1 ms to 16 s. */
const BLOCKED_MS = [128, 32_768] as const
const RUNNING_MS = [1, 16_384] as const
const CUT_RATIO = 0.03
const CUT_FOR_MS = 5 * MINUTE_MS
const SLEEP_MS = 20 * MINUTE_MS
const WAKE_WITHIN_MS = 2 * SECOND_MS

const steady = (name: string, quality: Partial<PathQuality>, summary: string): Case => ({
  name,
  summary,
  quality: { ...LAN, ...quality },
  hours: usualHours,
  script: rest,
})

const crashes = (name: string, how: Ending, summary: string): Case => ({
  name,
  summary,
  quality: LAN,
  hours: () => 0.5,
  script: (stage) => crashOneAfterAnother(stage, how),
})

export const CASES: readonly Case[] = [
  ...[0, 1, 5, 10, 20, 30].map((percent) =>
    steady(
      `steady-${percent}`,
      { lossRatio: percent / 100 },
      `nothing happens; ${percent} % of the messages are lost`,
    ),
  ),
  ...[5, 20].map((percent) =>
    steady(
      `tcp-${percent}`,
      { lossRatio: percent / 100, loss: 'resend' },
      `nothing happens; ${percent} % are lost and sent again, as TCP does it`,
    ),
  ),
  crashes('crash-silent', 'silent', 'one member after the other loses its power'),
  crashes(
    'crash-closed',
    'closed',
    'one member after the other is killed; its kernel closes its connections',
  ),
  {
    name: 'asymmetric',
    summary: 'paths lose 0 to 30 %; 3 % of them work in one direction only, others every five minutes',
    quality: { ...LAN, lossRatio: 0.3, isUneven: true },
    hours: usualHours,
    script: cutPaths,
  },
  {
    name: 'slow-observers',
    summary: 'a tenth of the members stand still for 0.1 to 32 s, run for up to 16 s, and so on',
    quality: LAN,
    // Plain SWIM has a false death in ten member-hours or so, and fifty of them are to be seen.
    hours: (nodes) => Math.max(0.15, 600 / nodes),
    script: slowObservers,
  },
  {
    name: 'churn',
    summary: 'each member is up for ten minutes in the mean, and leaves, is killed or loses its power',
    quality: { ...LAN, lossRatio: 0.01 },
    hours: usualHours,
    script: churn,
  },
  {
    name: 'flapping',
    summary: 'a tenth of the members lose their network for 1 to 10 s again and again',
    quality: { ...LAN, lossRatio: 0.01 },
    hours: usualHours,
    script: flapping,
  },
  {
    name: 'wake-up',
    summary: 'half of the members, then all, sleep for twenty minutes and wake up together',
    quality: LAN,
    hours: () => 1,
    script: wakeUp,
  },
  {
    name: 'partition',
    summary: 'the network falls into two halves, and is healed after an hour',
    quality: LAN,
    hours: () => 1,
    script: partition,
  },
]

export const caseNamed = (name: string): Case | undefined => CASES.find((one) => one.name === name)

function* rest(stage: Stage): Script {
  yield stage.leftMs
}

function* crashOneAfterAnother(stage: Stage, how: Ending): Script {
  const { world, judge, random } = stage
  while (stage.leftMs > 0) {
    const [node] = stage.some(1) as [number]
    const detection = judge.expectDetection(node, world.now)
    stage.detections.push(detection)
    world.end(node, how)
    yield* stage.waitFor(() => detection.everywhereMs !== undefined, PATIENCE_MS)
    yield 5 * SECOND_MS
    world.start(node)
    yield* stage.waitFor(() => judge.isAgreed(), PATIENCE_MS)
    yield 5 * SECOND_MS + random.float() * 5 * SECOND_MS
  }
}

function* cutPaths(stage: Stage): Script {
  const { world, random, nodes } = stage
  while (stage.leftMs > 0) {
    const cuts: [number, number][] = []
    for (let from = 0; from < nodes; from += 1)
      for (let to = 0; to < nodes; to += 1)
        if (from !== to && random.float() < CUT_RATIO) cuts.push([from, to])
    for (const [from, to] of cuts) world.cut(from, to, true)
    yield CUT_FOR_MS
    for (const [from, to] of cuts) world.cut(from, to, false)
  }
}

function* slowObservers(stage: Stage): Script {
  for (const node of stage.some(Math.ceil(stage.nodes * SLOW_RATIO))) stage.play(slow(stage, node))
  yield stage.leftMs
}

function* slow(stage: Stage, node: number): Script {
  const { world } = stage
  for (;;) {
    yield stage.anyMagnitude(RUNNING_MS)
    world.block(node)
    yield stage.anyMagnitude(BLOCKED_MS)
    world.unblock(node)
  }
}

function* churn(stage: Stage): Script {
  for (let node = 0; node < stage.nodes; node += 1) stage.play(comeAndGo(stage, node))
  yield stage.leftMs
}

function* comeAndGo(stage: Stage, node: number): Script {
  const endings: readonly [Ending, Ending, Ending] = ['leave', 'closed', 'silent']
  for (;;) {
    yield stage.exponentialMs(UPTIME_MEAN_MS)
    stage.world.end(node, endings[stage.random.integer(0, 2)] as Ending)
    yield stage.exponentialMs(DOWNTIME_MEAN_MS)
    stage.world.start(node)
  }
}

function* flapping(stage: Stage): Script {
  for (const node of stage.some(Math.ceil(stage.nodes * SLOW_RATIO))) stage.play(flap(stage, node))
  yield stage.leftMs
}

function* flap(stage: Stage, node: number): Script {
  const { world, random } = stage
  for (;;) {
    yield (5 + random.float() * 15) * SECOND_MS
    world.setNetwork(node, false)
    yield (1 + random.float() * 9) * SECOND_MS
    world.setNetwork(node, true)
  }
}

function* wakeUp(stage: Stage): Script {
  const { world, random, nodes } = stage
  for (let round = 0; stage.leftMs > 0; round += 1) {
    const sleepers = stage.some(round % 2 === 0 ? Math.floor(nodes / 2) : nodes)
    for (const node of sleepers) world.sleep(node)
    yield SLEEP_MS
    for (const node of sleepers)
      world.stage(world.now + random.float() * WAKE_WITHIN_MS, () => world.wake(node))
    yield WAKE_WITHIN_MS
    yield* stage.converge(PATIENCE_MS)
    yield MINUTE_MS
  }
}

function* partition(stage: Stage): Script {
  const { world, nodes } = stage
  const parts = new Uint8Array(nodes)
  for (const node of stage.some(Math.floor(nodes / 2))) parts[node] = 1
  world.partition(parts)
  yield stage.leftMs
  world.heal()
  yield* stage.converge(PATIENCE_MS)
  yield MINUTE_MS
}
