import { drawFaults } from '../faults/draw.ts'
import type { TimedFault } from '../faults/fault.ts'
import { drawRaftOptions, drawTimings, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 25_000
const CALM_MS = 1500
/** Of three founders one may leave for good: the other two still agree on things. */
const LEAVES_AT_MS = { min: 8000, max: 20_000 } as const

/** A mesh whose machines come and go for good, among the usual faults. */
export const membershipChanges: Scenario = {
  name: 'membership-changes',
  summary: '3 machines; others are invited, come in and vote, and one leaves for good',
  plan: (random) => {
    const joins = random.integer(1, 3)
    const faults: TimedFault[] = Array.from({ length: joins }, () => ({
      atMs: random.integer(CALM_MS, SAFETY_MS - 5000),
      fault: { kind: 'join' },
    }))
    const leaver = random.integer(0, 2)
    faults.push({
      atMs: random.integer(LEAVES_AT_MS.min, LEAVES_AT_MS.max),
      fault: { kind: 'leave', machine: leaver },
    })
    const others = drawFaults({
      random: random.fork(),
      machines: 3,
      fromMs: CALM_MS,
      untilMs: SAFETY_MS,
      everyMsMin: 1000,
      mix: { crash: 2, stop: 1, sleep: 1, reset: 2, cut: 2, block: 2, isolate: 1 },
    })
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random) },
      raftOptions: drawRaftOptions(random),
      safetyMs: SAFETY_MS,
      faults: [...faults, ...others].sort((a, b) => a.atMs - b.atMs),
    }
  },
}
