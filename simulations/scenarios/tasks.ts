import { drawFaults } from '../faults/draw.ts'
import { drawRaftOptions, drawTimings, HOME, LEASE_TTL_MS } from './parts.ts'
import type { Scenario } from './scenario.ts'

const SAFETY_MS = 20_000
const CALM_MS = 1500
/** In some runs a lease outlives the patience of whoever asks the authority (4 s), as it does in real meshes. */
const LONG_LEASE_PART = 0.4
const LONG_LEASE_TTL_MS = 8000
/** So many tasks are given in one run, on average: enough that a run with many machines down has fifty all the same. */
const TASKS = 90

/** Whole lives of tasks: every kind of task, and faults at submitters, workers, leaders and between them. */
export const tasks: Scenario = {
  name: 'tasks',
  summary:
    '3 or 4 machines that give each other all kinds of tasks, at least fifty, among every fault there is',
  plan: (random) => {
    const machines = random.integer(3, 4)
    const leaseTtlMs = random.float() < LONG_LEASE_PART ? LONG_LEASE_TTL_MS : LEASE_TTL_MS
    return {
      ...HOME,
      config: { ...HOME.config, timings: drawTimings(random), leaseTtlMs },
      raftOptions: drawRaftOptions(random),
      machines,
      leases: { keys: 2, ttlMs: LEASE_TTL_MS, pauseMs: 2000 },
      tasks: { pauseMs: (SAFETY_MS * machines) / TASKS, workMsMax: 2 * leaseTtlMs, kinds: 'lives' },
      safetyMs: SAFETY_MS,
      restWithinMs: 40_000,
      faults: drawFaults({
        random: random.fork(),
        machines,
        fromMs: CALM_MS,
        untilMs: SAFETY_MS,
        everyMsMin: 250,
        mix: {
          crash: 3,
          stop: 1.5,
          sleep: 1.5,
          stall: 1,
          'slow-machine': 0.5,
          'wall-jump': 0.5,
          'disk-stall': 1,
          'disk-slow': 0.7,
          'disk-fail': 0.7,
          'disk-damage': 0.3,
          reset: 2,
          cut: 2,
          block: 2,
          isolate: 2,
          split: 1,
          'slow-path': 1,
          'stall-stream': 1.5,
          congest: 1,
          move: 1,
          echo: 5,
          quarantine: 0.5,
        },
      }),
    }
  },
}
