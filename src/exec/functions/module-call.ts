/** One call of a function in a host, as the worker sees it: an execution like that of a command. */
import { randomBytes } from 'node:crypto'
import { type BootMs, CodedError, decode, type ExecutionId, type Logger, present } from '../../base/index.ts'
import type { Execution, ExecutionDeadline, ExecutionEnd, OutputReader, OutputStream } from '../execution.ts'
import { frameOf } from '../frames.ts'
import type { FunctionSpec } from './handler.ts'
import { type CallResult, callResultSchema, MARK_BYTES } from './host-protocol.ts'
import { MarkedOutput } from './marked-output.ts'

/** What a call may ask of the host that it is in. */
export interface CallHost {
  extend(deadline: ExecutionDeadline): void
  /** Ends the host, and the call with it. */
  end(reason: string): void
}

/** A guardian that is asked to move a deadline which is so close may have kept it already. */
const REUSE_MARGIN_MS = 100

export class ModuleCall implements Execution {
  readonly executionId: ExecutionId
  readonly started: Promise<{ readonly pid: number }>
  readonly ended: Promise<ExecutionEnd>
  readonly spec: FunctionSpec
  deadline: ExecutionDeadline
  private readonly reader: OutputReader
  private readonly logger: Logger
  private readonly mark = randomBytes(MARK_BYTES)
  private readonly outputs = { stdout: new MarkedOutput(this.mark), stderr: new MarkedOutput(this.mark) }
  private readonly start = Promise.withResolvers<{ readonly pid: number }>()
  private readonly settled = Promise.withResolvers<ExecutionEnd>()
  private host: CallHost | undefined
  private wasToldToEnd = false
  private isSettled = false

  constructor(spec: FunctionSpec, reader: OutputReader, logger: Logger) {
    this.spec = spec
    this.executionId = spec.executionId
    this.deadline = spec.deadline
    this.reader = reader
    this.logger = logger
    this.started = this.start.promise
    this.started.catch(() => undefined)
    this.ended = this.settled.promise
  }

  extend(deadline: ExecutionDeadline): void {
    this.deadline = deadline
    this.host?.extend(deadline)
  }

  end(reason: string): void {
    this.wasToldToEnd = true
    if (this.host !== undefined) this.host.end(reason)
    else this.settle({ exitCode: undefined, signal: undefined, cause: 'killed-on-order', quiet: true })
  }

  /** It waits for a host no longer. */
  get isOver(): boolean {
    return this.isSettled
  }

  /** From now on the host decides how it ends. */
  given(host: CallHost): void {
    this.host = host
  }

  /** The host has it. */
  begun(pid: number): void {
    this.start.resolve({ pid })
  }

  get frame(): Uint8Array {
    const { inputJson, taskId, fencingToken, traceparent } = this.spec
    const mark = this.mark.toString('hex')
    return frameOf({ mark, inputJson, taskId, fencingToken, traceparent })
  }

  /** Output of its host. @returns the result, once both outputs have come to their end. */
  async take(stream: OutputStream, chunk: Uint8Array): Promise<CallResult | undefined> {
    const printed = this.outputs[stream].push(chunk)
    if (printed.length > 0) await this.reader(stream, printed)
    return this.result
  }

  /** Whether a host that came to `result` is as good as new. */
  leavesHostClean(result: CallResult, now: BootMs): boolean {
    return !this.wasToldToEnd && !result.isSpent && now + REUSE_MARGIN_MS < this.deadline.termAt
  }

  /** The handler came to its end. */
  finish({ valueJson, error, stack }: CallResult, quiet: boolean): void {
    if (error === undefined)
      return this.settle({
        exitCode: 0,
        signal: undefined,
        cause: 'exited',
        quiet,
        valueJson: present(valueJson, 'a value'),
      })
    this.logger.warn(
      { task: this.spec.taskId, function: this.spec.name, error: error.message, stack },
      'a function failed',
    )
    const cause = error.code === 'function.not_loaded' ? 'spawn-failed' : 'exited'
    this.settle({ exitCode: 1, signal: undefined, cause, quiet, error })
  }

  /** The host is gone, and nothing of it is left if `quiet` says so. */
  async hostEnded(end: ExecutionEnd): Promise<void> {
    const { result } = this
    if (result !== undefined && !this.wasToldToEnd) return this.finish(result, end.quiet)
    // Nobody takes it any more when the host was ended: that must not hold up the end.
    if (end.cause === 'exited')
      for (const stream of ['stdout', 'stderr'] as const)
        await this.reader(stream, this.outputs[stream].rest()).catch(() => undefined)
    this.settle(end.cause === 'exited' ? this.withoutResult(end) : end)
  }

  private get result(): CallResult | undefined {
    const { stdout, stderr } = this.outputs
    if (stdout.result === undefined || !stderr.isOver) return undefined
    return decode(callResultSchema, stdout.result, 'result of a function')
  }

  private withoutResult({ exitCode, signal, quiet }: ExecutionEnd): ExecutionEnd {
    const how = signal === undefined ? `exit code ${exitCode ?? 'unknown'}` : `killed by ${signal}`
    const error = new CodedError('function.host_lost', { function: this.spec.name, how }).toShape()
    return {
      exitCode: signal === undefined ? exitCode || 1 : undefined,
      signal,
      cause: 'exited',
      quiet,
      error,
    }
  }

  private settle(end: ExecutionEnd): void {
    this.isSettled = true
    this.start.reject(new CodedError('operation.cancelled', { what: `function ${this.spec.name}` }))
    this.settled.resolve(end)
  }
}
