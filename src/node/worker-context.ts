import type { StopBudget } from '../authority/index.ts'
import { type Clock, CodedError, type Logger } from '../base/index.ts'
import type { Execution, ExecutionSpec, FunctionSpec, OutputReader } from '../exec/index.ts'
import type { Standing } from '../membership/index.ts'
import type { JournalStore } from '../task/index.ts'
import type { AuthorityClient } from './authority-client.ts'
import type { EventSources } from './event-sources.ts'
import type { Scheduler } from './ports.ts'
import type { TaskLink } from './task-link.ts'

/** Runs commands: the guardian, or what a simulation puts in its place. */
export interface Executor {
  run(spec: ExecutionSpec, onOutput: OutputReader): Execution
}

/** Runs the functions that a program registered at this node. */
export interface FunctionExecutor {
  readonly names: readonly string[]
  /** @throws CodedError `function.not_registered`, `limit.exceeded` */
  run(spec: FunctionSpec, onOutput: OutputReader): Execution
}

/** A node without a program around it. */
export const NO_FUNCTIONS: FunctionExecutor = {
  names: [],
  run: ({ name }) => {
    throw new CodedError('function.not_registered', { function: name })
  },
}

/** What every attempt at this worker needs. */
export interface WorkerContext {
  readonly executor: Executor
  readonly functions: FunctionExecutor
  readonly authority: AuthorityClient
  readonly journal: JournalStore
  readonly link: TaskLink
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly events: EventSources
  readonly driftRatio: number
  readonly stopBudget: StopBudget
  readonly leaseTtlMs: number
  /** How this node stands by the admin orders that it knows. */
  readonly standing: () => Standing
  readonly fatal: (error: CodedError) => void
  /** The attempt of this key is over and acknowledged. */
  readonly forget: (key: string) => void
}
