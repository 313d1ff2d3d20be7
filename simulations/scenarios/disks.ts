import { drawFaults } from '../faults/draw.ts'
import { drawRaftOptions, drawTimings, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 14_000
const CALM_MS = 1500

/** Disks that are slow, hang and fail, and machines that crash while they write. */
export const disks: Scenario = {
  name: 'disks',
  summary: '3 or 5 machines whose disks hang, slow down and fail, and which crash in the middle of a write',
  plan: (random) => {
    const machines = random.float() < 0.5 ? 3 : 5
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random) },
      raftOptions: drawRaftOptions(random),
      machines,
      disks: { writeMsMin: 1, writeMsMax: random.integer(3, 40), spikePart: 0.05 },
      safetyMs: SAFETY_MS,
      faults: drawFaults({
        random: random.fork(),
        machines,
        fromMs: CALM_MS,
        untilMs: SAFETY_MS,
        everyMsMin: 200,
        mix: {
          crash: 4,
          'disk-stall': 3,
          'disk-slow': 2,
          'disk-fail': 2,
          'disk-damage': 1,
          stop: 1,
          reset: 0.5,
        },
      }),
    }
  },
}
