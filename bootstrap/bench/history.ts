/**
 * `bench history`: whether a node's memory stays what it was while grants come and go, and how long a node takes to start again
 * with all of them in its past.
 */
import { assert } from '../../src/base/index.ts'
import type { PopuliCluster } from './populi-cluster.ts'
import { rssMiBOf } from './process-usage.ts'
import { median, rounded } from './stats.ts'

/** Memory is sampled so many times over the whole run. */
const SAMPLES = 100
/** The first tenth is warming up: code is compiled, caches fill. It is not compared. */
const WARM_UP_SAMPLES = SAMPLES / 10

export interface HistoryFigures {
  readonly grants: number
  /** Of the node that took most: median of the second tenth, median of the last, and the highest sample. */
  readonly rssEarlyMiB: number
  readonly rssLateMiB: number
  readonly rssMaxMiB: number
  readonly grantsPerSecond: number
  /** From the start of the process until the node says that it is ready, after SIGTERM and after SIGKILL. */
  readonly restartMs: number
  readonly restartAfterKillMs: number
}

interface HistoryOptions {
  readonly grants: number
  readonly clients: number
  readonly say: (line: string) => void
}

export async function benchHistory(
  ours: PopuliCluster,
  { grants, clients, say }: HistoryOptions,
): Promise<HistoryFigures> {
  const load = await ours.openLoad()
  const samples: number[][] = ours.pids().map(() => [])
  const from = performance.now()
  let made = 0
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    const target = Math.round((grants * sample) / SAMPLES)
    if (target > made) await load.grant(clients, target - made)
    made = target
    const now = ours.pids().map(rssMiBOf)
    for (const [node, mib] of now.entries()) samples[node]?.push(mib)
    if (sample % WARM_UP_SAMPLES === 0)
      say(`${String(made).padStart(9)} grants   memory ${now.map((mib) => mib.toFixed(0)).join(', ')} MiB`)
  }
  const elapsedMs = performance.now() - from
  await load.end()
  const worst = samples.toSorted((a, b) => late(b) - late(a))[0]
  assert(worst !== undefined, 'at least one node')
  const leader = await ours.leader()
  const restartMs = await ours.restart(leader, 'SIGTERM')
  const restartAfterKillMs = await ours.restart(leader, 'SIGKILL')
  return {
    grants: made,
    rssEarlyMiB: rounded(median(worst.slice(WARM_UP_SAMPLES, 2 * WARM_UP_SAMPLES)), 1),
    rssLateMiB: rounded(late(worst), 1),
    rssMaxMiB: rounded(Math.max(...samples.flat()), 1),
    grantsPerSecond: rounded(made / (elapsedMs / 1000), 1),
    restartMs: rounded(restartMs, 0),
    restartAfterKillMs: rounded(restartAfterKillMs, 0),
  }
}

const late = (samples: readonly number[]): number => median(samples.slice(-WARM_UP_SAMPLES))
