/**
 * populi-mesh as a library: a node of a mesh within a program, that runs functions of the program for the other nodes and has
 * them run by these. The guide is docs/embedding.md.
 *
 *     await initNode({ dataDir })                      // once; or joinNode({ dataDir, invite })
 *     const node = await createNode({ dataDir })
 *     node.handle('resize', new URL('./resize.js', import.meta.url))
 *     const task = await node.submit({ function: 'resize', input: { path, width: 320 } })
 *     console.log(await task.result)
 */
export { CodedError, type ErrorCode, type Logger, type Reason, silentLogger } from './base/index.ts'
export type { FunctionContext, FunctionHandler } from './exec/index.ts'
export {
  type CommandCall,
  type CommandResult,
  createNode,
  type EmbeddedNode,
  type FunctionCall,
  initNode,
  joinNode,
  type MadeFolder,
  type MeshTask,
  type NodeOptions,
  type NodeSettings,
  TaskError,
} from './node/index.ts'
