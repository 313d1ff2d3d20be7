/** What a scenario is: a name, a sentence, and how a seed becomes a plan. A plan is data; nothing else makes a run. */
import type { Random } from '../../src/base/index.ts'
import type { NodeConfig } from '../../src/node/config/index.ts'
import type { RaftOptions } from '../../src/raft/index.ts'
import type { TimedFault } from '../faults/fault.ts'
import type { LeaseWorkload } from '../workload/lease-client.ts'
import type { TaskWorkload } from '../workload/task-kinds.ts'
import type { PathQuality } from '../world/path.ts'
import type { DiskQuality } from '../world/virtual-disk.ts'

export interface Plan {
  readonly machines: number
  readonly config: NodeConfig
  /** Positions of the machines whose owner says `voter: never`. */
  readonly neverVote: readonly number[]
  /** Instead of the defaults. */
  readonly raftOptions: Partial<RaftOptions>
  readonly paths: PathQuality
  readonly disks: DiskQuality
  /** Boot clocks run at rates within 1 ± this. Up to half the drift bound, clocks keep what the lease argument asks of them. */
  readonly clockRateSpread: number
  /** Clocks keep no bound: only what must hold whatever the clocks do is checked (promise P2). */
  readonly clocksAreUnbounded: boolean
  readonly leases: LeaseWorkload | undefined
  readonly tasks: TaskWorkload | undefined
  readonly faults: readonly TimedFault[]
  /** Faults and workload go on until then. */
  readonly safetyMs: number
  /** After the heal: until when a grant must have succeeded, and until when everything has come to its end. */
  readonly grantWithinMs: number
  readonly restWithinMs: number
}

export interface Scenario {
  readonly name: string
  /** One sentence for people. */
  readonly summary: string
  plan(random: Random): Plan
}
