import type { Random } from '../../src/base/index.ts'
import type { TimedFault } from '../faults/fault.ts'
import { configFor, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** Position of the laptop; the others stay at home and on. */
const LAPTOP = 3
const MINUTE_MS = 60_000
const LEASE_TTL_MS = 20_000

/** A day of a laptop that sleeps and moves between addresses every few minutes, beside three machines that stay. */
export const laptop: Scenario = laptopFor(
  'laptop',
  DAY_MS,
  '24 simulated hours: a laptop sleeps and moves between addresses every few minutes',
)

function laptopFor(name: string, lengthMs: number, summary: string): Scenario {
  return {
    name,
    summary,
    plan: (random) => {
      const config = configFor('wan')
      return {
        ...HOME,
        machines: 4,
        neverVote: [LAPTOP],
        config: { ...config, leaseTtlMs: LEASE_TTL_MS },
        paths: { ...HOME.paths, delayMsMin: 1, delayMsMax: 40 },
        leases: { keys: 3, ttlMs: LEASE_TTL_MS, pauseMs: 120_000 },
        tasks: { pauseMs: 300_000, workMsMax: 240_000, kinds: 'work' },
        safetyMs: lengthMs,
        grantWithinMs: 60_000,
        restWithinMs: 300_000,
        faults: aDayOf(random.fork(), lengthMs),
      }
    },
  }
}

function aDayOf(random: Random, lengthMs: number): TimedFault[] {
  const faults: TimedFault[] = []
  for (let atMs = MINUTE_MS; atMs < lengthMs; atMs += random.integer(MINUTE_MS, 6 * MINUTE_MS)) {
    const fault: TimedFault['fault'] =
      random.float() < 0.5
        ? { kind: 'sleep', machine: LAPTOP, forMs: random.integer(5000, 20 * MINUTE_MS) }
        : { kind: 'move', machine: LAPTOP, forMs: random.integer(200, 30_000) }
    faults.push({ atMs, fault })
  }
  return faults
}
