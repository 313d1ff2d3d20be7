/** The one execution that an attempt can have: from the last look before it starts to its outcome. */
import { CodedError, type Logger, present, toCodedError } from '../base/index.ts'
import type { Execution, ExecutionDeadline, ExecutionEnd, OutputReader } from '../exec/index.ts'
import {
  commandOf,
  functionOf,
  type OfferRecord,
  type Outcome,
  type StopCause,
  timeoutMsOf,
} from '../task/index.ts'
import type { AttemptLeases } from './attempt-leases.ts'
import type { AttemptOutput } from './attempt-output.ts'
import type { AttemptWatch } from './attempt-watch.ts'
import { commandSpec, functionSpec, outcomeOf } from './execution-spec.ts'
import type { Cancel } from './ports.ts'
import type { WorkerContext } from './worker-context.ts'

interface AttemptExecutionInit {
  readonly context: WorkerContext
  readonly logger: Logger
  readonly output: AttemptOutput
  /** `undefined`: it never leaves its submitter, and ends when the node says so. */
  readonly leases: AttemptLeases | undefined
  readonly watch: AttemptWatch
  readonly onStarted: (pid: number) => Promise<void>
  readonly onEnded: (outcome: Outcome) => void
  readonly stop: (cause: StopCause) => void
}

export class AttemptExecution {
  private readonly init: AttemptExecutionInit
  private execution: Execution | undefined
  private started: Promise<void> = Promise.resolve()
  private cancelTimeout: Cancel | undefined

  constructor(init: AttemptExecutionInit) {
    this.init = init
  }

  get isUnderWay(): boolean {
    return this.execution !== undefined
  }

  /** Resolves when nothing is under way. */
  get over(): Promise<unknown> {
    return this.execution?.ended ?? Promise.resolve()
  }

  /** Starts it, unless something came up while the leases were confirmed. */
  begin(record: OfferRecord): void {
    const { context, leases, watch } = this.init
    // The confirmation may have taken so long that the work would have to stop as soon as it began.
    const lost = leases?.tick(context.clock.now())
    if (lost !== undefined) return this.notStarted(lost, 'a lease was confirmed too late')
    const barred = watch.barredBy
    if (barred !== undefined) return this.notStarted(barred, 'an admin order came before the command started')
    try {
      this.follow(this.start(record), record)
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown
      this.notStarted('spawn-failed', thrown.message)
    }
  }

  extend(deadline: ExecutionDeadline): void {
    this.execution?.extend(deadline)
  }

  end(reason: string): void {
    this.execution?.end(reason)
  }

  /** @throws CodedError `node.stopping`, `limit.exceeded` */
  private start(record: OfferRecord): Execution {
    const { context, logger, leases } = this.init
    const { executor, functions, random } = context
    const work = present(record.work, 'the work of what starts')
    const reader: OutputReader = (stream, chunk) => this.passOn(stream, chunk)
    const call = functionOf(work)
    logger.info({ function: call?.name, command: commandOf(work)?.argv[0] }, 'execution starts')
    if (call !== undefined) return functions.run(functionSpec(record, call, leases?.deadline, random), reader)
    const command = present(commandOf(work), 'a command')
    return executor.run(commandSpec(record, command, leases?.deadline, random), reader)
  }

  private follow(execution: Execution, { work }: OfferRecord): void {
    this.execution = execution
    this.started = execution.started.then(
      ({ pid }) => this.init.onStarted(pid),
      () => undefined, // `ended` tells why
    )
    void execution.ended.then((end) => this.onEnded(end))
    const timeoutMs = work && timeoutMsOf(work)
    if (timeoutMs === undefined) return
    this.cancelTimeout = this.init.context.scheduler.after(timeoutMs, () => this.init.stop('timeout'))
  }

  private notStarted(cause: Outcome['cause'], error: string): void {
    this.init.onEnded({ cause, quiet: true, outputBytes: 0, error })
  }

  private async passOn(stream: 'stdout' | 'stderr', chunk: Uint8Array): Promise<void> {
    // The submitter hears that it runs before it hears what it says.
    await this.started
    try {
      await this.init.output.take(stream, chunk)
    } catch (thrown) {
      this.init.logger.error({ err: toCodedError(thrown) }, 'output cannot be kept: the command is ended')
      this.init.stop('output-failed')
    }
  }

  private onEnded(end: ExecutionEnd): void {
    this.cancelTimeout?.()
    const { logger, output, leases, watch } = this.init
    const { cause, exitCode, quiet } = end
    if (quiet) logger.info({ cause, exitCode }, 'execution ended')
    else logger.warn({ cause, exitCode, quiet }, 'execution ended, and its lease has to run out')
    const outcome = outcomeOf(end, output.totalBytes)
    // The guardian may be the first to see that a lease is over.
    const lost = leases?.first === 'submitter-lost' ? 'submitter-lost' : watch.leaseLost
    this.init.onEnded(outcome.cause === 'lease-lost' ? { ...outcome, cause: lost } : outcome)
  }
}
