/**
 * `bench detect`: how long it takes until a lost member is known to be lost. SIGKILL of one of them: the kernel closes its connections,
 * and who listens can know at once. SIGSTOP: it falls silent and everything of it stays open, as with a cut cable; nothing but
 * unanswered probes can tell.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { BenchFailure } from './bench-failure.ts'
import { median, rounded } from './stats.ts'

/** After everybody saw everybody again: suspicions, health and reconnecting come to rest. */
const SETTLE_MS = 5000
/** A member that nobody misses by then never will be. */
const NOTICED_WITHIN_MS = 120_000

/** Servers that watch each other, by index. */
export interface WatchGroup {
  readonly name: string
  readonly version: string
  readonly size: number
  start(): Promise<void>
  end(): Promise<void>
  /** One handler: `observer` says that `lost` is dead. Heard as soon as it is said. */
  onLost(handler: (observer: number, lost: number) => void): void
  kill(member: number): Promise<void>
  /** Starts a killed one again. */
  revive(member: number): Promise<void>
  /** SIGSTOP, and SIGCONT. */
  pause(member: number): void
  resume(member: number): Promise<void>
  /** Resolves when everybody sees everybody. */
  whole(): Promise<void>
}

/** Medians. From the signal until the first of the others, and until all of them, say that the member is dead. */
export interface DetectFigures {
  readonly killFirstMs: number
  readonly killAllMs: number
  readonly stopFirstMs: number
  readonly stopAllMs: number
}

interface DetectOptions {
  readonly rounds: number
  readonly say: (line: string) => void
}

/** When each of the others said so, in milliseconds after the signal. */
type Noticed = ReadonlyMap<number, number>

/** In turns, so that a neighbour who makes the machine slow for a while makes it slow for all. */
export async function benchDetect(
  groups: readonly WatchGroup[],
  { rounds, say }: DetectOptions,
): Promise<readonly DetectFigures[]> {
  const runners = groups.map((group) => ({ group, kills: [] as Noticed[], stops: [] as Noticed[] }))
  for (let round = 1; round <= rounds; round += 1) {
    for (const { group, kills, stops } of runners) {
      const victim = round % group.size
      const kill = await strike(group, victim, (member) => group.kill(member))
      await group.revive(victim)
      const stop = await strike(group, victim, async (member) => group.pause(member))
      await group.resume(victim)
      kills.push(kill)
      stops.push(stop)
      say(`round ${round}  ${group.name.padEnd(8)} kill ${textOf(kill)}   stop ${textOf(stop)}`)
    }
  }
  return runners.map(({ kills, stops }) => figuresOf(kills, stops))
}

async function strike(
  group: WatchGroup,
  victim: number,
  signal: (member: number) => Promise<void>,
): Promise<Noticed> {
  await group.whole()
  await sleep(SETTLE_MS)
  const noticed = new Map<number, number>()
  const all = Promise.withResolvers<void>()
  const from = performance.now()
  group.onLost((observer, lost) => {
    if (lost !== victim || observer === victim || noticed.has(observer)) return
    noticed.set(observer, performance.now() - from)
    if (noticed.size === group.size - 1) all.resolve()
  })
  await signal(victim)
  const late = sleep(NOTICED_WITHIN_MS, 'late' as const, { ref: false })
  if ((await Promise.race([all.promise, late])) === 'late')
    throw new BenchFailure(
      `${group.name}: ${noticed.size} of ${group.size - 1} noticed within ${NOTICED_WITHIN_MS} ms`,
    )
  return noticed
}

const firstOf = (noticed: Noticed): number => Math.min(...noticed.values())
const lastOf = (noticed: Noticed): number => Math.max(...noticed.values())
const textOf = (noticed: Noticed): string =>
  `${firstOf(noticed).toFixed(0).padStart(6)} to ${lastOf(noticed).toFixed(0).padStart(6)} ms`

export function figuresOf(kills: readonly Noticed[], stops: readonly Noticed[]): DetectFigures {
  return {
    killFirstMs: rounded(median(kills.map(firstOf)), 1),
    killAllMs: rounded(median(kills.map(lastOf)), 1),
    stopFirstMs: rounded(median(stops.map(firstOf)), 1),
    stopAllMs: rounded(median(stops.map(lastOf)), 1),
  }
}

/** Ours divided by the peer's: below 1 is sooner. */
export const detectRatio = (ours: DetectFigures, peer: DetectFigures): DetectFigures => ({
  killFirstMs: rounded(ours.killFirstMs / peer.killFirstMs, 3),
  killAllMs: rounded(ours.killAllMs / peer.killAllMs, 3),
  stopFirstMs: rounded(ours.stopFirstMs / peer.stopFirstMs, 3),
  stopAllMs: rounded(ours.stopAllMs / peer.stopAllMs, 3),
})

export const detectLine = ({ killFirstMs, killAllMs, stopFirstMs, stopAllMs }: DetectFigures): string =>
  `kill ${killFirstMs} ms (all ${killAllMs} ms)   stop ${stopFirstMs} ms (all ${stopAllMs} ms)`
