import { CodedError, type NodeId, nodeId, type PeerId } from '../base/index.ts'
import { type MemberView, obstacleOf, type Standing } from '../membership/index.ts'
import { type Candidate, explain, type PlacementPolicy, place } from '../placement/index.ts'
import { functionOf, type SubmitterEvent, type TaskRecord } from '../task/index.ts'

/** What placement is told of the mesh, and its plan as the event that the task core waits for. */
export function placeTask(
  record: TaskRecord,
  exclude: readonly PeerId[],
  mesh: {
    readonly members: readonly MemberView[]
    /** Connected, or connected to when something is sent. */
    readonly canReach: (peer: PeerId) => boolean
    readonly policy: Omit<PlacementPolicy, 'exclude'>
    readonly runningHere: number
    /** Functions that are registered here. */
    readonly functionsHere: readonly string[]
    readonly standing: (peer: PeerId) => Standing
  },
): SubmitterEvent {
  const candidates = mesh.members.map(
    (member): Candidate => ({
      peer: member.peer,
      nodeId: member.nodeId,
      self: member.self,
      status: member.status,
      barredBy: obstacleOf(mesh.standing(member.peer)),
      connected: member.self || mesh.canReach(member.peer),
      remoteExecute: member.record?.remote_execute === true,
      runningTasks: member.self ? mesh.runningHere : (member.record?.running_tasks ?? 0),
      functions: member.self ? mesh.functionsHere : (member.record?.functions ?? []),
    }),
  )
  const on = record.on === undefined ? undefined : nodeId(record.on)
  const plan = place({ id: record.taskId, on, function: functionOf(record.work)?.name }, candidates, {
    ...mesh.policy,
    exclude: new Set(exclude),
  })
  if (plan.surface === 'none') return { type: 'unplaceable', reason: plan.reason, detail: explain(plan) }
  return { type: 'placed', peer: plan.peer, nodeId: plan.nodeId, reason: plan.reason }
}

/** @throws CodedError `task.no_such_node`, `input.invalid`. */
export function checkRequestedNode(on: string | undefined, known: readonly NodeId[]): void {
  if (on !== undefined && !known.includes(nodeId(on))) throw new CodedError('task.no_such_node', { node: on })
}
