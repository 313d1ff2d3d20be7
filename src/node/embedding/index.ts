/** node/embedding: the node as a library. `docs/embedding.md` is the guide, ADR 0014 says why functions run as they do. */
export {
  type CommandCall,
  createNode,
  type EmbeddedNode,
  type FunctionCall,
  type NodeOptions,
} from './embedded-node.ts'
export type { CommandResult, MeshTask } from './mesh-task.ts'
export { TaskError } from './task-error.ts'
