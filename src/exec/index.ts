/**
 * exec: runs commands under the node's guardian, a small second process that owns the process groups. A command ends
 * when it is done, on order, at its deadline, or when the node is gone; and its end is told only when it is proven
 * that no process of it is left. Decides nothing about what runs. Decision: `docs/decisions/0006-guardian.md`.
 *
 *   GuardianClient ── GuardianProcess ══ pipes ══ guardian-main ── Guardian ── GuardedExecution
 *     (TrackedExecution per command)                                  (Hunt, OutputPump, ExecutionJournal)
 *
 * Functions that a program registered run beside commands: `functions/`.
 */
export {
  type Execution,
  type ExecutionDeadline,
  type ExecutionEnd,
  type ExecutionSpec,
  NO_DEADLINE,
  type OutputReader,
} from './execution.ts'
export {
  checkFunctionName,
  type FunctionContext,
  type FunctionHandler,
  FunctionRegistry,
  type FunctionSpec,
  isFunctionHost,
  jsonText,
} from './functions/index.ts'
export { GuardianClient } from './guardian-client.ts'
export type { Leftover } from './leftovers.ts'
export { type ProcessIdentity, readProcess } from './linux-processes.ts'
