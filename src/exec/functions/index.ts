/**
 * exec/functions: runs functions that a program registered at its node, each call as an execution. A module runs in a
 * *function host*, a process under the guardian that is used again for the next call; a function runs in the node's own
 * process, whose life the guardian then holds as a pledge. Decision: `docs/decisions/0014-functions.md`.
 *
 *   FunctionRegistry ─┬─ HostPool ── HostProcess (ModuleCall) ── guardian ── host-main ── handler
 *                     └─ InlineCall ── handler        (NodeGuard ── guardian)
 */
export type { FunctionContext, FunctionHandler, FunctionSpec } from './handler.ts'
export { isFunctionHost } from './host-process.ts'
export { jsonText } from './json-text.ts'
export { checkFunctionName, FunctionRegistry } from './registry.ts'
