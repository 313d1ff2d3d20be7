import type { NodeId, PeerId, Reason, TaskId } from '../base/index.ts'

/** What placement must know of a task. Resources, work type and labels join it with GPU truth. */
export interface PlacementTask {
  readonly id: TaskId
  /** Only this node; `undefined`: any. */
  readonly on: NodeId | undefined
  /** The function that it calls, which only nodes have at which a program registered it; `undefined`: a command. */
  readonly function: string | undefined
}

/** One node of the mesh, as the node that places sees it. */
export interface Candidate {
  readonly peer: PeerId
  readonly nodeId: NodeId
  /** Whether it is the node that places. */
  readonly self: boolean
  /** Membership's word for it. */
  readonly status: 'unseen' | 'alive' | 'suspect' | 'dead' | 'left'
  readonly connected: boolean
  /** Why an admin order keeps new work from it; `undefined`: none does. */
  readonly barredBy: 'quarantined' | 'retired' | 'maintenance' | undefined
  /** Whether it takes work of other nodes, by its own record. */
  readonly remoteExecute: boolean
  readonly runningTasks: number
  /** Functions that are registered there, by its own record. */
  readonly functions: readonly string[]
}

export interface PlacementPolicy {
  /** Kill switch `VOX_ORCHESTRATOR_MESH_REMOTE_EXECUTE_EXPERIMENTAL` of the node that places. */
  readonly remoteExecuteEnabled: boolean
  /** `VOX_ORCHESTRATOR_MESH_REMOTE_LEASE_GATING_ENABLED`: without it nothing may run elsewhere. */
  readonly leaseGatingEnabled: boolean
  /** Peers that were tried for this task already. */
  readonly exclude: ReadonlySet<PeerId>
}

/** What was found about one candidate. */
export interface Verdict {
  readonly peer: PeerId
  readonly nodeId: NodeId
  readonly eligible: boolean
  /** Never empty. Not eligible: everything that stands against it. Eligible: why it was chosen or another was. */
  readonly reasons: readonly Reason[]
}

interface Found {
  /** `lan` stands for every node that is reached directly, until links are classified. */
  readonly surface: 'local' | 'lan'
  readonly peer: PeerId
  readonly nodeId: NodeId
  readonly reason: Reason
  /** One for each candidate, in order of node id. */
  readonly verdicts: readonly Verdict[]
}

/** Nothing may run it as asked: the caller refuses with `reason` or waits, and never runs it elsewhere silently. */
interface NotFound {
  readonly surface: 'none'
  readonly reason: Reason
  readonly verdicts: readonly Verdict[]
}

export type PlacementPlan = Found | NotFound
