import { nodeId, type PeerId, peerId, taskId } from '../../src/base/index.ts'
import type { Candidate, PlacementPolicy, PlacementTask } from '../../src/placement/index.ts'

export function peer(name: string): PeerId {
  return peerId(`12D3KooW${name.padEnd(44, 'z')}`)
}

export const HERE = candidate('here', { self: true })
export const ATTIC = candidate('attic')
export const DESK = candidate('desk')

/** Everything switched on, nothing tried. */
export const OPEN: PlacementPolicy = {
  remoteExecuteEnabled: true,
  leaseGatingEnabled: true,
  exclude: new Set(),
}

/** An idle node that takes work, unless `fields` say otherwise. */
export function candidate(name: string, fields: Partial<Candidate> = {}): Candidate {
  return {
    peer: peer(name),
    nodeId: nodeId(name),
    self: false,
    status: 'alive',
    connected: true,
    barredBy: undefined,
    remoteExecute: true,
    runningTasks: 0,
    functions: [],
    ...fields,
  }
}

export function task(id = '1', on?: string, called?: string): PlacementTask {
  return { id: taskId(id), on: on === undefined ? undefined : nodeId(on), function: called }
}
