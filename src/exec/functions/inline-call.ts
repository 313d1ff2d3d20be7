/**
 * One call of a function in the node's own process.
 *
 * Nothing outside can end it. Its signal aborts when the plan of its lease says TERM, or when it is told to end; and the
 * guardian has the time of KILL before the handler begins, for the whole process (`node-guard.ts`, ADR 0014). Told to
 * end for another reason (cancelled, timed out), a handler that goes on is waited for: its lease is what counts.
 */
import {
  type Clock,
  CodedError,
  type ExecutionId,
  LIMITS,
  type Logger,
  toCodedError,
} from '../../base/index.ts'
import type { Execution, ExecutionDeadline, ExecutionEnd, OutputReader } from '../execution.ts'
import type { NodeGuard } from '../node-guard.ts'
import type { FunctionHandler, FunctionSpec } from './handler.ts'
import { invoke } from './invoke.ts'
import { LoggedLines } from './logged-lines.ts'

interface InlineCallInit {
  readonly handler: FunctionHandler
  readonly guard: Pick<NodeGuard, 'hold' | 'release'>
  readonly clock: Clock
  readonly logger: Logger
}

export class InlineCall implements Execution {
  readonly executionId: ExecutionId
  readonly started: Promise<{ readonly pid: number }>
  readonly ended: Promise<ExecutionEnd>
  private readonly spec: FunctionSpec
  private readonly init: InlineCallInit
  private readonly abort = new AbortController()
  private readonly start = Promise.withResolvers<{ readonly pid: number }>()
  private readonly lines: LoggedLines
  private deadline: ExecutionDeadline
  private cause: 'exited' | 'killed-on-order' | 'deadline' = 'exited'
  private isOver = false
  private timer: NodeJS.Timeout | undefined

  constructor(spec: FunctionSpec, reader: OutputReader, init: InlineCallInit) {
    this.spec = spec
    this.init = init
    this.executionId = spec.executionId
    this.deadline = spec.deadline
    this.lines = new LoggedLines(reader, (reason) => this.end(reason))
    this.started = this.start.promise
    this.started.catch(() => undefined)
    this.ended = this.run()
  }

  extend(deadline: ExecutionDeadline): void {
    if (this.isOver) return
    const isEarlier = deadline.termAt < this.deadline.termAt
    this.deadline = deadline
    this.hold()?.catch(() => undefined)
    if (isEarlier) this.keepTime()
  }

  end(reason: string): void {
    this.init.logger.info({ executionId: this.executionId, reason }, 'the call is told to end')
    this.stop('killed-on-order')
  }

  private async run(): Promise<ExecutionEnd> {
    try {
      // Also when there is nothing to wait for: whoever started it wants to know it before it begins.
      await this.hold()
    } catch (thrown) {
      this.close()
      return this.notBegun('guardian-lost', toCodedError(thrown))
    }
    this.keepTime()
    if (this.cause !== 'exited') {
      this.close()
      return this.notBegun(this.cause, new CodedError('operation.cancelled', { what: this.label }))
    }
    this.start.resolve({ pid: process.pid })
    const { taskId, fencingToken, traceparent } = this.spec
    const { error, stack, valueJson } = await invoke(this.init.handler, this.spec, {
      taskId,
      fencingToken,
      traceparent,
      signal: this.abort.signal,
      log: (line) => this.lines.add(line),
    })
    this.close()
    await this.lines.drained()
    if (error !== undefined && this.cause === 'exited')
      this.init.logger.warn(
        { task: taskId, function: this.spec.name, error: error.message, stack },
        'a function failed',
      )
    const how = { signal: undefined, cause: this.cause, quiet: true } as const
    return error === undefined
      ? { exitCode: 0, ...how, ...(valueJson === undefined ? {} : { valueJson }) }
      : { exitCode: 1, ...how, error }
  }

  private notBegun(cause: ExecutionEnd['cause'], why: CodedError): ExecutionEnd {
    this.start.reject(why)
    return { exitCode: undefined, signal: undefined, cause, quiet: true, error: why.toShape() }
  }

  private hold(): Promise<void> | undefined {
    return this.init.guard.hold(this, { killAt: this.deadline.killAt, label: this.label })
  }

  private close(): void {
    this.isOver = true
    clearTimeout(this.timer)
    this.init.guard.release(this)
  }

  /** Looks at the clock when the signal may be due: renewals move that, and timers stand still while the machine sleeps. */
  private keepTime(): void {
    clearTimeout(this.timer)
    const leftMs = this.deadline.termAt - this.init.clock.now()
    if (leftMs <= 0) return this.stop('deadline')
    this.timer = setTimeout(() => this.keepTime(), Math.min(leftMs, LIMITS.commandTimeoutMsMax))
    this.timer.unref()
  }

  private stop(cause: 'killed-on-order' | 'deadline'): void {
    if (this.isOver || this.cause !== 'exited') return
    this.cause = cause
    this.abort.abort(new CodedError('operation.cancelled', { what: this.label }))
  }

  private get label(): string {
    return `function ${this.spec.name} of task ${this.spec.taskId}`
  }
}
