import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { type Clock, type ExecutionId, LIMITS, type Logger } from '../../base/index.ts'
import {
  type ExecutionDeadline,
  type ExecutionSpec,
  type FedExecution,
  NO_DEADLINE,
  type OutputReader,
  type OutputStream,
} from '../execution.ts'
import type { CallHost, ModuleCall } from './module-call.ts'

/** `.ts` in the repository, `.js` in the package. */
const PROGRAM = fileURLToPath(new URL(`./host-main${import.meta.url.slice(-3)}`, import.meta.url))

const HOST_PREFIX = 'function-'

/** Whether an execution that a guardian left is one of these. */
export function isFunctionHost(executionId: ExecutionId): boolean {
  return executionId.startsWith(HOST_PREFIX)
}

/** The guardian's client, as far as hosts need it. */
export interface HostRunner {
  runFed(spec: ExecutionSpec, reader: OutputReader): FedExecution
}

/** A function and where its module is. */
export interface FunctionModule {
  readonly name: string
  readonly url: URL
}

interface HostProcessInit {
  readonly runner: HostRunner
  readonly module: FunctionModule
  readonly clock: Clock
  readonly logger: Logger
  /** It has no call any more, and can have another. */
  readonly onFree: (host: HostProcess) => void
  readonly onEnded: (host: HostProcess) => void
}

/**
 * A process that runs the calls of one function, one after another, under the guardian like a command: it is ended at the
 * deadline of its call, and with its node.
 *
 *   started ── call ⇄ idle ── told to end, or crashed ── ended
 */
export class HostProcess implements CallHost {
  readonly module: FunctionModule
  private readonly init: HostProcessInit
  private readonly execution: FedExecution
  private call: ModuleCall | undefined
  private isEnding = false
  private idleTimer: NodeJS.Timeout | undefined

  /** Starts it for its first call. @throws CodedError `node.stopping`, `limit.exceeded` */
  constructor(init: HostProcessInit, first: ModuleCall) {
    this.init = init
    this.module = init.module
    const { name, url } = init.module
    this.execution = init.runner.runFed(
      {
        executionId: `${HOST_PREFIX}${randomUUID()}` as ExecutionId,
        argv: [process.execPath, PROGRAM, url.href, name],
        cwd: undefined,
        env: {},
        deadline: first.deadline,
      },
      (stream, chunk) => this.read(stream, chunk),
    )
    void this.execution.ended.then(async (end) => {
      this.isEnding = true
      clearTimeout(this.idleTimer)
      const { call } = this
      this.call = undefined
      init.onEnded(this)
      await call?.hostEnded(end)
    })
    this.begin(first)
  }

  get isIdle(): boolean {
    return this.call === undefined && !this.isEnding
  }

  begin(call: ModuleCall): void {
    clearTimeout(this.idleTimer)
    this.call = call
    call.given(this)
    void this.execution.started.then(
      ({ pid }) => {
        if (this.call !== call || this.isEnding) return
        this.execution.feed(call.frame, call.deadline)
        call.begun(pid)
      },
      () => undefined, // `ended` tells why
    )
  }

  extend(deadline: ExecutionDeadline): void {
    this.execution.extend(deadline)
  }

  end(reason: string): void {
    this.isEnding = true
    this.execution.end(reason)
  }

  /** Nobody needs it now; it leaves when nobody does for a while. */
  rest(): void {
    this.execution.extend(NO_DEADLINE)
    this.idleTimer = setTimeout(() => this.end('it was idle'), LIMITS.functionHostIdleMs)
    this.idleTimer.unref()
  }

  private async read(stream: OutputStream, chunk: Uint8Array): Promise<void> {
    const { call } = this
    // What is printed between two calls belongs to none of them.
    if (call === undefined) return
    const result = await call.take(stream, chunk)
    if (result === undefined || this.call !== call) return
    // Its call ends when it is gone, and what it left with it.
    if (!call.leavesHostClean(result, this.init.clock.now()))
      return this.end('its call left it unfit for another')
    this.call = undefined
    call.finish(result, true)
    this.init.onFree(this)
  }
}
