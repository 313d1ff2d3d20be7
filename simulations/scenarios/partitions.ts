import { drawFaults } from '../faults/draw.ts'
import { drawRaftOptions, drawTimings, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 14_000
const CALM_MS = 1500

/** Only the network, at its worst: several faults at a time, one-way and silent ones among them. */
export const partitions: Scenario = {
  name: 'partitions',
  summary: '3 or 5 machines on a network that is cut, split, silent in one direction, slow and resetting',
  plan: (random) => {
    const machines = random.float() < 0.5 ? 3 : 5
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random) },
      raftOptions: drawRaftOptions(random),
      machines,
      paths: { ...HOME.paths, delayMsMax: random.integer(2, 60), spikePart: 0.05, gossipLostPart: 0.2 },
      safetyMs: SAFETY_MS,
      faults: drawFaults({
        random: random.fork(),
        machines,
        fromMs: CALM_MS,
        untilMs: SAFETY_MS,
        everyMsMin: 120,
        mix: {
          reset: 3,
          cut: 2,
          block: 3,
          isolate: 3,
          split: 2,
          'slow-path': 1,
          'stall-stream': 2,
          congest: 1,
          move: 1,
        },
      }),
    }
  },
}
