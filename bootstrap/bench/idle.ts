/**
 * `bench idle`: what nodes cost that have nothing to do. Of each node process and of each guardian beside it: CPU, memory, how often
 * something wakes it, and whether its memory grows.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../../src/base/index.ts'
import { childrenOf, type ProcessUsage, usageOf } from './process-usage.ts'
import { median, rounded, slope } from './stats.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** Connections, votes and caches settle first, and what the start left behind is collected; not counted. */
const SETTLE_MS = MINUTE_MS
const SAMPLES = 60

/** Over all processes of a kind: the one in the middle, and the one that costs most. */
interface Spread {
  readonly median: number
  readonly max: number
}

interface ProcessFigures {
  /** Of one core. */
  readonly cpuPercent: Spread
  readonly rssMiB: Spread
  readonly pssMiB: Spread
  /** Of RSS; a line through all samples. */
  readonly growthMiBPerHour: Spread
  readonly wakeUpsPerSecond: Spread
  readonly writtenKiBPerSecond: Spread
}

export interface IdleFigures {
  readonly nodes: number
  readonly minutes: number
  readonly node: ProcessFigures
  readonly guardian: ProcessFigures
}

interface IdleOptions {
  readonly minutes: number
  readonly say: (line: string) => void
}

/** One look at a process, and when. */
export interface UsageSample extends ProcessUsage {
  readonly atMs: number
}

export async function benchIdle(
  nodes: readonly number[],
  { minutes, say }: IdleOptions,
): Promise<IdleFigures> {
  const guardians = nodes.map((pid) => {
    const [guardian, ...others] = childrenOf(pid)
    assert(guardian !== undefined && others.length === 0, 'a node has its guardian for a child, and no other')
    return guardian
  })
  await sleep(SETTLE_MS)
  const watched = [...nodes, ...guardians].map((pid) => ({ pid, samples: [sampleOf(pid)] }))
  for (let sample = 1; sample <= SAMPLES; sample += 1) {
    await sleep((minutes * MINUTE_MS) / SAMPLES)
    for (const { pid, samples } of watched) samples.push(sampleOf(pid))
    if (sample % (SAMPLES / 10) === 0) say(`${rounded((minutes * sample) / SAMPLES, 1)} minutes`)
  }
  const series = watched.map(({ samples }) => samples)
  return {
    nodes: nodes.length,
    minutes,
    node: figuresOf(series.slice(0, nodes.length)),
    guardian: figuresOf(series.slice(nodes.length)),
  }
}

const sampleOf = (pid: number): UsageSample => ({ atMs: performance.now(), ...usageOf(pid) })

/** @param series of each process of a kind; at least two samples. */
export function figuresOf(series: readonly (readonly UsageSample[])[]): ProcessFigures {
  const spread = (measure: (samples: readonly UsageSample[]) => number): Spread => {
    const values = series.map(measure)
    return { median: rounded(median(values)), max: rounded(Math.max(...values)) }
  }
  const middleOf = (name: 'rssMiB' | 'pssMiB') =>
    spread((samples) => median(samples.map((sample) => sample[name])))
  return {
    cpuPercent: spread((samples) => 100 * perMs(samples, 'cpuMs')),
    rssMiB: middleOf('rssMiB'),
    pssMiB: middleOf('pssMiB'),
    growthMiBPerHour: spread((samples) => HOUR_MS * slope(samples.map(({ atMs, rssMiB }) => [atMs, rssMiB]))),
    wakeUpsPerSecond: spread((samples) => 1000 * perMs(samples, 'wakeUps')),
    writtenKiBPerSecond: spread((samples) => (1000 * perMs(samples, 'writtenBytes')) / 1024),
  }
}

/** What a sum grew by, from the first sample to the last. */
function perMs(samples: readonly UsageSample[], sum: 'cpuMs' | 'wakeUps' | 'writtenBytes'): number {
  const [first, last] = [samples[0], samples.at(-1)]
  assert(first !== undefined && last !== undefined && last.atMs > first.atMs, 'two samples')
  return (last[sum] - first[sum]) / (last.atMs - first.atMs)
}

export function idleLine({ cpuPercent, rssMiB, pssMiB, growthMiBPerHour, ...rest }: ProcessFigures): string {
  const { wakeUpsPerSecond, writtenKiBPerSecond } = rest
  return [
    `CPU ${of(cpuPercent)} %`,
    `RSS ${of(rssMiB)} MiB`,
    `PSS ${of(pssMiB)} MiB`,
    `growth ${of(growthMiBPerHour)} MiB/h`,
    `${of(wakeUpsPerSecond)} wake-ups/s`,
    `${of(writtenKiBPerSecond)} KiB/s written`,
  ].join('   ')
}

const of = (spread: Spread): string => `${spread.median} (max ${spread.max})`
