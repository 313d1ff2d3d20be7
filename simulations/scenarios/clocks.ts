import { drawFaults } from '../faults/draw.ts'
import { drawRaftOptions, drawTimings, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 14_000
const CALM_MS = 1500
/** Half of the seeds: rates far beyond any drift bound. */
const UNBOUNDED_PART = 0.5

/** Clocks that drift to the bound and, in half of the runs, far beyond it; machines that sleep and stand still. */
export const clocks: Scenario = {
  name: 'clocks',
  summary:
    '3 or 5 machines that sleep, stand still and disagree about time; beyond the drift bound only fencing is checked',
  plan: (random) => {
    const machines = random.float() < 0.5 ? 3 : 5
    const isUnbounded = random.float() < UNBOUNDED_PART
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random) },
      raftOptions: drawRaftOptions(random),
      machines,
      clocksAreUnbounded: isUnbounded,
      clockRateSpread: isUnbounded ? 0.3 : HOME.clockRateSpread,
      safetyMs: SAFETY_MS,
      faults: drawFaults({
        random: random.fork(),
        machines,
        fromMs: CALM_MS,
        untilMs: SAFETY_MS,
        everyMsMin: 200,
        mix: {
          sleep: 4,
          stall: 3,
          'slow-machine': 2,
          'wall-jump': 2,
          ...(isUnbounded ? { 'clock-rate': 4 } : {}),
          crash: 1,
          isolate: 1,
        },
      }),
    }
  },
}
