/**
 * node: the composition root. Drivers carry out what the pure cores decide, over the adapters; `mesh-node.ts` shows which
 * gets what, `start-node.ts` how a node comes up on a real machine.
 */
export type { ConfigFlags } from './config/index.ts'
export { ControlClient, controlSocketPath } from './control/index.ts'
export { initNode, joinNode, type MadeFolder } from './folder.ts'
export { type RunningNode, startNode } from './start-node.ts'
export { VERSION } from './version.ts'
