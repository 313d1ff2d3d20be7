/**
 * The table of settings: the only place where one is added. Reading (load-config.ts), the flags of `populi up` and
 * docs/reference/configuration.md (a test compares) all follow from it.
 */
import type { z } from 'zod'
import { LIMITS } from '../../base/index.ts'
import type { LogLevel } from '../../telemetry/index.ts'
import { PRESETS, type Preset } from './timings.ts'
import {
  booleanText,
  decimalText,
  httpUrlList,
  integerText,
  ipText,
  multiaddrList,
  oneOfText,
  pathText,
  portText,
} from './value-schemas.ts'

export interface Setting<Value> {
  /** Path in `populi.toml`: `peer.port` is `port` in the table `[peer]`. */
  readonly key: string
  /** Environment variables, the first that is set and not blank wins. `VOX_…` are names of the older `populi`. */
  readonly env: readonly string[]
  /** Flag of `populi up`, without the dashes. */
  readonly flag: string
  readonly schema: z.ZodType<Value, unknown>
  /** What the schema accepts, for people. */
  readonly accepts: string
  readonly default: Value
  /** For people, where the default is more than its value. */
  readonly defaultText?: string
  readonly doc: string
  /**
   * The older `populi` moved a number of the environment into this range instead of refusing it, so the
   * environment (and only it) still does.
   */
  readonly environmentClamp?: readonly [min: number, max: number]
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const satisfies readonly LogLevel[]

/** Whether a node may vote in the authority: the autopilot's policy for it. */
const VOTER_POLICIES = ['auto', 'always', 'never'] as const
export type VoterPolicy = (typeof VOTER_POLICIES)[number]

const PRESET_NAMES = ['lan', 'wan', 'local'] as const satisfies readonly Preset[]

/**
 * Part of the lease TTL that the grace between TERM and KILL may take. The first third belongs to the first
 * renewal; with a quarter for the grace, two more renewals and the proof of quiet fit before `T·(1−ρ)` (design §7).
 */
export const STOP_GRACE_PART_MAX = 1 / 4

const setting = <Value>(definition: Setting<Value>): Setting<Value> => definition

export const SETTINGS = {
  peerHost: setting({
    key: 'peer.host',
    env: ['POPULI_PEER_HOST'],
    flag: 'peer-host',
    schema: ipText,
    accepts: 'an IPv4 or IPv6 address',
    default: '127.0.0.1',
    doc: 'Address to listen on for other nodes. `0.0.0.0` and `::` mean every interface.',
  }),
  peerPort: setting({
    key: 'peer.port',
    env: ['POPULI_PEER_PORT'],
    flag: 'peer-port',
    schema: portText,
    accepts: 'a whole number from 0 to 65535; 0 takes any free port',
    default: 9846,
    doc: 'TCP port for other nodes.',
  }),
  announce: setting<readonly string[]>({
    key: 'peer.announce',
    env: ['POPULI_PEER_ANNOUNCE'],
    flag: 'peer-announce',
    schema: multiaddrList,
    accepts: `up to ${LIMITS.addressesMax} multiaddrs such as /ip4/192.168.1.5/tcp/9846, a list in the file, else separated by commas`,
    default: [],
    defaultText: 'none',
    doc: 'Addresses at which other nodes reach this one beyond those it listens on, such as that of an overlay or a forwarded port.',
  }),
  facadeHost: setting({
    key: 'facade.host',
    env: ['POPULI_FACADE_HOST'],
    flag: 'facade-host',
    schema: ipText,
    accepts: 'an IPv4 or IPv6 address',
    default: '127.0.0.1',
    doc: 'Address to listen on for HTTP: enrolment and the older contract.',
  }),
  facadePort: setting({
    key: 'facade.port',
    env: ['POPULI_FACADE_PORT'],
    flag: 'facade-port',
    schema: portText,
    accepts: 'a whole number from 0 to 65535; 0 takes any free port',
    default: 9847,
    doc: 'TCP port for HTTP.',
  }),
  announceUrls: setting<readonly string[]>({
    key: 'facade.announceUrls',
    env: ['POPULI_FACADE_ANNOUNCE_URLS'],
    flag: 'facade-announce-url',
    schema: httpUrlList,
    accepts: `up to ${LIMITS.addressesMax} http or https URLs, a list in the file, else separated by commas`,
    default: [],
    defaultText: 'none',
    doc: 'URLs of this façade that go into invites, beyond those of the addresses it listens on.',
  }),
  preset: setting<Preset>({
    key: 'timing.preset',
    env: ['POPULI_TIMING_PRESET'],
    flag: 'preset',
    schema: oneOfText(PRESET_NAMES),
    accepts: Object.keys(PRESETS).join(', '),
    default: 'lan',
    doc: 'Timeouts of consensus and membership. `wan` is for nodes that are tens of milliseconds apart or more, `local` for trials with all nodes on one machine; every node of a mesh should have the same.',
  }),
  leaseTtlMs: setting({
    key: 'lease.ttlMs',
    env: ['POPULI_LEASE_TTL_MS', 'VOX_MESH_A2A_LEASE_MS'],
    flag: 'lease-ttl-ms',
    schema: integerText(LIMITS.leaseTtlMsMin, LIMITS.leaseTtlMsMax),
    accepts: `a whole number of milliseconds from ${LIMITS.leaseTtlMsMin} to ${LIMITS.leaseTtlMsMax}`,
    default: 120_000,
    environmentClamp: [LIMITS.leaseTtlMsMin, LIMITS.leaseTtlMsMax],
    doc: 'How long a lease lives without renewal, and so how long a task waits before it is run again after its node was lost. From the environment a number out of range becomes the nearest in range, as in the older `populi`.',
  }),
  driftRatio: setting({
    key: 'lease.driftRatio',
    env: ['POPULI_LEASE_DRIFT_RATIO'],
    flag: 'lease-drift-ratio',
    schema: decimalText(0.000_1, LIMITS.driftRatioMax),
    accepts: `a number from 0.0001 to ${LIMITS.driftRatioMax}`,
    default: 0.01,
    doc: 'Bound on the difference in rate between the clocks of any two nodes. The single-owner promise holds while reality stays below it.',
  }),
  stopGraceMs: setting<number | undefined>({
    key: 'lease.stopGraceMs',
    env: ['POPULI_LEASE_STOP_GRACE_MS'],
    flag: 'stop-grace-ms',
    schema: integerText(0, LIMITS.leaseTtlMsMax * STOP_GRACE_PART_MAX),
    accepts: 'a whole number of milliseconds, at most a quarter of lease.ttlMs',
    default: undefined,
    defaultText: '2000, or a quarter of `lease.ttlMs` where that is less',
    doc: 'Time between TERM and KILL when a command has to end.',
  }),
  voterPolicy: setting<VoterPolicy>({
    key: 'authority.voter',
    env: ['POPULI_VOTER'],
    flag: 'voter',
    schema: oneOfText(VOTER_POLICIES),
    accepts: VOTER_POLICIES.join(', '),
    default: 'auto',
    doc: 'Whether this node votes in the lease authority. `auto`: when it is needed for 1, 3 or 5 voters. `always`: before those with `auto`. `never`: for laptops and other machines that sleep; it follows the log without a vote.',
  }),
  witness: setting({
    key: 'authority.witness',
    env: ['POPULI_WITNESS'],
    flag: 'witness',
    schema: booleanText,
    accepts: '0, 1, true or false',
    default: false,
    doc: 'Makes this node a witness: it votes like one with `authority.voter` = `always`, and takes and executes no tasks. The third machine for a mesh of two, however small.',
  }),
  remoteExecute: setting({
    key: 'remote.execute',
    env: ['VOX_ORCHESTRATOR_MESH_REMOTE_EXECUTE_EXPERIMENTAL'],
    flag: 'remote-execute',
    schema: booleanText,
    accepts: '0, 1, true or false',
    default: false,
    doc: 'Kill switch of remote execution: whether this node sends tasks to other nodes and runs theirs.',
  }),
  leaseGating: setting({
    key: 'remote.leaseGating',
    env: ['VOX_ORCHESTRATOR_MESH_REMOTE_LEASE_GATING_ENABLED'],
    flag: 'lease-gating',
    schema: booleanText,
    accepts: '0, 1, true or false',
    default: false,
    doc: 'Whether remote execution takes a lease of the authority first. Without it nothing runs remotely.',
  }),
  nvmlLibrary: setting<string | undefined>({
    key: 'gpu.nvmlLibrary',
    env: ['POPULI_NVML_LIBRARY'],
    flag: 'nvml-library',
    schema: pathText,
    accepts: 'the path of a library, or a name that the loader finds',
    default: undefined,
    defaultText: '`libnvidia-ml.so.1`, where the kernel has a driver for it',
    doc: 'Library of the NVIDIA driver, which is asked who uses the GPUs.',
  }),
  logLevel: setting<LogLevel>({
    key: 'log.level',
    env: ['POPULI_LOG_LEVEL'],
    flag: 'log-level',
    schema: oneOfText(LOG_LEVELS),
    accepts: LOG_LEVELS.join(', '),
    default: 'info',
    doc: 'The least severe kind of event that is logged.',
  }),
} as const
