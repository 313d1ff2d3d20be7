import type { StopBudget } from '../authority/index.ts'
import { type Clock, type CodedError, type Logger, present, type Random } from '../base/index.ts'
import type { Execution, ExecutionSpec, FunctionSpec, OutputReader } from '../exec/index.ts'
import type { Standing } from '../membership/index.ts'
import type { OutputLogs } from '../task/index.ts'
import type { AuthorityClient } from './authority-client.ts'
import type { EventSources } from './event-sources.ts'
import type { OfferJournal } from './offer-journal.ts'
import type { Scheduler, Transport } from './ports.ts'
import type { TaskLink } from './task-link.ts'
import type { WorkerAttempt } from './worker-attempt.ts'

/** Runs commands: the guardian, or what a simulation puts in its place. */
export interface Executor {
  run(spec: ExecutionSpec, onOutput: OutputReader): Execution
}

/** Runs the functions that a program registered at this node. */
export interface FunctionExecutor {
  readonly names: readonly string[]
  /** One of `names`. @throws CodedError `limit.exceeded` */
  run(spec: FunctionSpec, onOutput: OutputReader): Execution
}

/** Of a node without a program around it. */
export const NO_FUNCTIONS: FunctionExecutor = {
  names: [],
  run: ({ name }) => present<Execution>(undefined, `function ${name}`),
}

/** What every attempt at this worker needs. */
export interface WorkerContext {
  readonly executor: Executor
  readonly functions: FunctionExecutor
  readonly authority: AuthorityClient
  readonly journal: OfferJournal
  /** Of detached attempts, by execution id. */
  readonly outputs: OutputLogs
  readonly transport: Transport
  readonly link: TaskLink
  readonly clock: Clock
  readonly scheduler: Scheduler
  /** For span ids. */
  readonly random: Random
  readonly logger: Logger
  readonly events: EventSources
  readonly driftRatio: number
  readonly stopBudget: StopBudget
  readonly leaseTtlMs: number
  /** How this node stands by the admin orders that it knows. */
  readonly standing: () => Standing
  readonly fatal: (error: CodedError) => void
  /** The attempt came to its end; its result may not have reached the submitter. */
  readonly ended: (attempt: WorkerAttempt) => void
  /** Nothing is left to be done for it. */
  readonly forget: (attempt: WorkerAttempt) => void
}
