import { drawFaults } from '../faults/draw.ts'
import { drawRaftOptions, drawTimings, HOME } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 14_000
/** The founder adds the others as voters in the first second or two. */
const CALM_MS = 1500

/** A bit of everything that a group of machines in a home can meet. */
export const authority: Scenario = {
  name: 'authority',
  summary: '3 to 5 machines, leases wanted by all of them, tasks, and every fault in every mixture',
  plan: (random) => {
    const machines = random.integer(3, 5)
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random) },
      raftOptions: drawRaftOptions(random),
      machines,
      safetyMs: SAFETY_MS,
      faults: drawFaults({
        random: random.fork(),
        machines,
        fromMs: CALM_MS,
        untilMs: SAFETY_MS,
        everyMsMin: 250,
        mix: {
          crash: 3,
          stop: 1,
          sleep: 2,
          stall: 1,
          'slow-machine': 1,
          'wall-jump': 0.5,
          'disk-stall': 1,
          'disk-slow': 1,
          'disk-fail': 0.5,
          'disk-damage': 0.3,
          reset: 2,
          cut: 2,
          block: 2,
          isolate: 2,
          split: 1,
          'slow-path': 1,
          'stall-stream': 1,
          congest: 0.5,
          move: 1,
        },
      }),
    }
  },
}
