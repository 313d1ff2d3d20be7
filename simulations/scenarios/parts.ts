/** What scenarios have in common: qualities of an ordinary home, and the timing of the `lan` and `wan` presets. */
import type { Random } from '../../src/base/index.ts'
import { type NodeConfig, PRESETS } from '../../src/node/config/index.ts'
import type { RaftOptions } from '../../src/raft/index.ts'
import type { PathQuality } from '../world/path.ts'
import type { DiskQuality } from '../world/virtual-disk.ts'
import type { Plan } from './scenario.ts'

const DRIFT_RATIO = 0.01
export const LEASE_TTL_MS = 2000

export const HOME_PATHS: PathQuality = {
  delayMsMin: 0.2,
  delayMsMax: 4,
  spikePart: 0.01,
  gossipLostPart: 0.02,
  gossipTwicePart: 0.05,
}

export const SOLID_STATE_DISKS: DiskQuality = { writeMsMin: 0.3, writeMsMax: 3, spikePart: 0.01 }

/** A node's configuration as `populi.toml` would give it, with leases short enough to run out often. */
export function configFor(preset: NodeConfig['preset']): NodeConfig {
  return {
    peerHost: '127.0.0.1',
    peerPort: 0,
    announce: [],
    facadeHost: '127.0.0.1',
    facadePort: 0,
    announceUrls: [],
    preset,
    timings: PRESETS[preset],
    leaseTtlMs: LEASE_TTL_MS,
    driftRatio: DRIFT_RATIO,
    stopGraceMs: 300,
    voterPolicy: 'auto',
    witness: false,
    remoteExecute: true,
    leaseGating: true,
    nvmlLibrary: undefined,
    logLevel: 'error',
  }
}

/** Three machines at home, healthy, with clocks that keep their bound. */
export const HOME = {
  machines: 3,
  neverVote: [],
  raftOptions: {},
  config: configFor('lan'),
  paths: HOME_PATHS,
  disks: SOLID_STATE_DISKS,
  clockRateSpread: DRIFT_RATIO / 2,
  clocksAreUnbounded: false,
  leases: { keys: 3, ttlMs: LEASE_TTL_MS, pauseMs: 400 },
  tasks: { pauseMs: 3000, workMsMax: 3000, kinds: 'work' },
  grantWithinMs: 8000,
  restWithinMs: 12_000,
} as const satisfies Partial<Plan>

/** In half of the runs logs are cut so early that who was away for a second needs a snapshot. */
export const drawRaftOptions = (random: Random): Partial<RaftOptions> =>
  random.float() < 0.5 ? {} : { compactEntriesMax: random.integer(10, 100) }

/** An autopilot in a hurry: what takes minutes in a home happens within a run. */
export function drawTimings(random: Random): NodeConfig['timings'] {
  return {
    ...PRESETS.lan,
    stableLearnerMs: random.integer(200, 2000),
    deadVoterMs: random.integer(2000, 20_000),
    shrinkVotersMs: random.float() < 0.5 ? PRESETS.lan.shrinkVotersMs : random.integer(6000, 20_000),
  }
}
