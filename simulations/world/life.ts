/** One process of a node with what belongs to it: its guardian, its view of the network, and whoever looks on. */
import {
  type LeaseId,
  type PeerId,
  type Random,
  type ScopeKey,
  type TaskId,
  taskId,
} from '../../src/base/index.ts'
import type { MeshNode, TaskIds } from '../../src/node/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import type { ObservedFact } from '../observation.ts'
import type { EventQueue } from './event-queue.ts'
import type { HardwareClock } from './hardware-clock.ts'
import type { Network } from './network.ts'
import { NodeTap } from './node-tap.ts'
import { TaskTap } from './task-tap.ts'
import { VirtualGuardian } from './virtual-guardian.ts'
import { VirtualProcess } from './virtual-process.ts'
import { VirtualTransport } from './virtual-transport.ts'

/** What exists between the start and the end of one process. */
export interface Life {
  readonly number: number
  readonly process: VirtualProcess
  readonly guardianProcess: VirtualProcess
  readonly guardian: VirtualGuardian
  readonly tap: NodeTap
  readonly taskTap: TaskTap
  readonly transport: VirtualTransport
  stores: NodeStores | undefined
  node: MeshNode | undefined
  /** Whoever uses the node is let in from then on, and until it stops. */
  isServing: boolean
  isStopping: boolean
}

interface LifeInit {
  readonly peer: PeerId
  readonly number: number
  readonly queue: EventQueue
  readonly clock: HardwareClock
  readonly network: Network
  readonly guardianRandom: Random
  readonly observe: (fact: ObservedFact) => void
  readonly keyOfLease: Map<LeaseId, ScopeKey>
  readonly taskOfKey: Map<string, TaskId>
  readonly nextOp: () => number
  readonly uncaught: (thrown: unknown) => void
  readonly defect: (message: string) => void
}

export function newLife(init: LifeInit): Life {
  const { peer: node, queue, clock, network, observe, keyOfLease, taskOfKey } = init
  const tap = new NodeTap({ node, observe, keyOfLease, nextOp: init.nextOp })
  const process = new VirtualProcess(queue, clock, init.uncaught)
  const after = (delayMs: number, callback: () => void): void => {
    process.after(delayMs, callback)
  }
  const taskTap = new TaskTap({ node, observe, taskOfKey, after })
  const guardianProcess = new VirtualProcess(queue, clock, (thrown) =>
    init.defect(`guardian: ${String(thrown)}`),
  )
  const guardian = new VirtualGuardian({
    node,
    process: guardianProcess,
    random: init.guardianRandom,
    observe,
  })
  const transport = new VirtualTransport(node, network, process)
  transport.onTaskMessage = (to, message) => taskTap.said(to, message)
  return {
    number: init.number,
    process,
    guardianProcess,
    guardian,
    tap,
    taskTap,
    transport,
    stores: undefined,
    node: undefined,
    isServing: false,
    isStopping: false,
  }
}

/** Names of tasks that a seed repeats. */
export function taskIds(random: Random): TaskIds {
  const number = (): number => random.integer(1, 2 ** 31)
  return {
    newTaskId: () => taskId(String(number())),
    newIdempotencyKey: () => `${number()}-${number()}`,
  }
}
