/**
 * node: the composition root. Drivers carry out what the pure cores decide, over the adapters; `mesh-node.ts` shows which
 * gets what, `start-node.ts` how a node comes up on a real machine.
 */
export { AuthorityClient } from './authority-client.ts'
export type { ConfigFlags, NodeSettings } from './config/index.ts'
export { ControlClient, controlSocketPath } from './control/index.ts'
export {
  type CommandCall,
  type CommandResult,
  createNode,
  type EmbeddedNode,
  type FunctionCall,
  type MeshTask,
  type NodeOptions,
  TaskError,
} from './embedding/index.ts'
export { initNode, joinNode, type MadeFolder } from './folder.ts'
export { MeshNode } from './mesh-node.ts'
export type { MeshNodeInit } from './mesh-node-init.ts'
export type { Cancel, PeerEvent, Scheduler, SendResult, Transport } from './ports.ts'
export { SystemScheduler } from './ports.ts'
export { RosterBook } from './roster-book.ts'
export { Rpc } from './rpc.ts'
export { type RunningNode, startNode } from './start-node.ts'
export { checkStore, type RebuildReport, rejoinStore, type StoreReport } from './store-care.ts'
export type { TaskIds } from './task-ids.ts'
export { VERSION } from './version.ts'
export type { Executor } from './worker-context.ts'
