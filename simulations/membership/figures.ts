/** What runs of one case and profile come to: sums and samples that can be added up over seeds, and the figures made of them. */
import type { Errors } from './judge.ts'
import type { TrafficFigures } from './traffic.ts'

const SECONDS_PER_HOUR = 3600

/** Of one run, or of several together. */
export interface Outcome {
  readonly nodes: number
  readonly memberHours: number
  readonly errors: Readonly<Errors>
  readonly traffic: TrafficFigures
  /** Most connections that one member had at once; and while all were starting together. */
  readonly degreeMax: number
  readonly startDegreeMax: number
  /** One per crash, in milliseconds since then. A crash that was never found out is in `missed`. */
  readonly firstSuspicionMs: readonly number[]
  readonly firstDeadMs: readonly number[]
  readonly everywhereMs: readonly number[]
  readonly missed: number
  /** From the heal, the waking up or the start until everybody thought the same. */
  readonly convergedMs: readonly number[]
  readonly unconverged: number
  readonly steps: number
  /** One per run. */
  readonly traces: readonly string[]
  /** The most that one member sent in one run, in bytes per second. */
  readonly busiestBytesPerSecond: number
}

export interface Percentiles {
  readonly samples: number
  readonly p50: number
  readonly p99: number
}

export interface Figures {
  readonly memberHours: number
  readonly firstSuspicionMs?: Percentiles
  readonly firstDeadMs?: Percentiles
  readonly everywhereMs?: Percentiles
  readonly missed?: number
  readonly falseSuspicions: number
  readonly falseDeaths: number
  readonly falseDeathViews: number
  readonly falseSuspicionsPerMemberHour: number
  readonly falseDeathsPerMemberHour: number
  readonly payloadBytesPerNodeSecond: number
  readonly gossipBytesPerNodeSecond: number
  /** Of the member that sent most. */
  readonly payloadBytesPerSecondMax: number
  readonly wireBytesPerNodeSecond: number
  readonly messagesPerNodeSecond: number
  readonly degreeMax: number
  readonly startDegreeMax: number
  readonly convergedMs?: Percentiles
  readonly unconverged?: number
  readonly events: number
  readonly trace: string
}

export function addUp(outcomes: readonly [Outcome, ...Outcome[]]): Outcome {
  return outcomes.reduce((one, other) => ({
    nodes: one.nodes,
    memberHours: one.memberHours + other.memberHours,
    errors: sum(one.errors, other.errors),
    traffic: sum(one.traffic, other.traffic),
    degreeMax: Math.max(one.degreeMax, other.degreeMax),
    startDegreeMax: Math.max(one.startDegreeMax, other.startDegreeMax),
    firstSuspicionMs: [...one.firstSuspicionMs, ...other.firstSuspicionMs],
    firstDeadMs: [...one.firstDeadMs, ...other.firstDeadMs],
    everywhereMs: [...one.everywhereMs, ...other.everywhereMs],
    missed: one.missed + other.missed,
    convergedMs: [...one.convergedMs, ...other.convergedMs],
    unconverged: one.unconverged + other.unconverged,
    steps: one.steps + other.steps,
    traces: [...one.traces, ...other.traces],
    busiestBytesPerSecond: Math.max(one.busiestBytesPerSecond, other.busiestBytesPerSecond),
  }))
}

function sum<Sums extends { readonly [Key in keyof Sums]: number }>(one: Sums, other: Sums): Sums {
  const keys = Object.keys(one) as (keyof Sums)[]
  return Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as Sums
}

export function figuresOf(outcome: Outcome): Figures {
  const { memberHours, errors, traffic, missed, unconverged, convergedMs, everywhereMs } = outcome
  const memberSeconds = memberHours * SECONDS_PER_HOUR
  const hadCrashes = everywhereMs.length + missed > 0
  const hadToConverge = convergedMs.length + unconverged > 0
  return {
    memberHours,
    ...(hadCrashes
      ? {
          firstSuspicionMs: percentiles(outcome.firstSuspicionMs),
          firstDeadMs: percentiles(outcome.firstDeadMs),
          everywhereMs: percentiles(everywhereMs),
          missed,
        }
      : {}),
    ...errors,
    falseSuspicionsPerMemberHour: errors.falseSuspicions / memberHours,
    falseDeathsPerMemberHour: errors.falseDeaths / memberHours,
    payloadBytesPerNodeSecond: traffic.payloadBytes / memberSeconds,
    gossipBytesPerNodeSecond: traffic.gossipPayloadBytes / memberSeconds,
    payloadBytesPerSecondMax: outcome.busiestBytesPerSecond,
    wireBytesPerNodeSecond: traffic.wireBytes / memberSeconds,
    messagesPerNodeSecond: traffic.messages / memberSeconds,
    degreeMax: outcome.degreeMax,
    startDegreeMax: outcome.startDegreeMax,
    ...(hadToConverge ? { convergedMs: percentiles(convergedMs), unconverged } : {}),
    events: outcome.steps,
    trace: outcome.traces.join('-'),
  }
}

/** Nearest rank. */
function percentiles(samples: readonly number[]): Percentiles {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (ratio: number): number =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(ratio * sorted.length) - 1))] ?? Number.NaN
  return { samples: sorted.length, p50: at(0.5), p99: at(0.99) }
}
