import {
  assert,
  CodedError,
  type ErrorShape,
  type ExecutionId,
  LIMITS,
  type Logger,
  toCodedError,
} from '../base/index.ts'
import type {
  ExecutionDeadline,
  ExecutionEnd,
  ExecutionSpec,
  FedExecution,
  OutputReader,
  OutputStream,
} from './execution.ts'
import type { StartedExecution } from './journal.ts'
import type { Leftover } from './leftovers.ts'
import { creditOf, type EndedEvent, type GuardianCommand } from './protocol.ts'

export interface TrackedExecutionInit {
  readonly spec: ExecutionSpec
  readonly reader: OutputReader
  readonly logger: Logger
  readonly stopGraceMs: number
  /** Has an input that `feed` writes to. */
  readonly fed: boolean
  /** To the guardian. */
  readonly send: (command: GuardianCommand) => void
}

/** One execution as the node sees it: waits for a guardian, hands its output on, knows its end. */
export class TrackedExecution implements FedExecution {
  readonly executionId: ExecutionId
  readonly started: Promise<{ readonly pid: number }>
  readonly ended: Promise<ExecutionEnd>
  private readonly init: TrackedExecutionInit
  private readonly start = Promise.withResolvers<{ readonly pid: number }>()
  private readonly settled = Promise.withResolvers<ExecutionEnd>()
  private deadline: ExecutionDeadline
  private isGuarded = false
  private leader: StartedExecution['leader'] | undefined
  private readonly pieces: (readonly [OutputStream, Uint8Array])[] = []
  private isDelivering = false
  private readerFailed = false
  /** Told to end: a slow reader no longer holds up the end. */
  private isHurried = false
  /** Known, and waiting for the rest of the output. */
  private result: ExecutionEnd | undefined
  private drainLimit: NodeJS.Timeout | undefined

  constructor(init: TrackedExecutionInit) {
    this.init = init
    this.executionId = init.spec.executionId
    this.deadline = checked(init.spec.deadline)
    this.started = this.start.promise
    this.started.catch(() => undefined)
    this.ended = this.settled.promise
  }

  extend(deadline: ExecutionDeadline): void {
    this.deadline = checked(deadline)
    if (this.isGuarded) this.init.send({ kind: 'extend', executionId: this.executionId, deadline })
  }

  feed(bytes: Uint8Array, deadline: ExecutionDeadline): void {
    assert(this.isGuarded, 'fed after it was started')
    this.deadline = checked(deadline)
    this.init.send({ kind: 'feed', executionId: this.executionId, deadline, bytes })
  }

  end(reason: string): void {
    const { executionId } = this
    const graceMs = this.init.stopGraceMs
    this.init.logger.info({ executionId, reason }, 'the execution is told to end')
    this.isHurried = true
    if (this.result !== undefined) this.limitDrain()
    else if (this.isGuarded) this.init.send({ kind: 'end', executionId, graceMs })
    else this.finish({ exitCode: undefined, signal: undefined, cause: 'killed-on-order', quiet: true })
  }

  /** Waits for a guardian: nothing of it has left the node. */
  get isWaiting(): boolean {
    return !this.isGuarded && this.result === undefined
  }

  /** Has nothing left to end; its reader may still be busy. */
  get isOver(): boolean {
    return this.result !== undefined
  }

  /** What is known of its processes. */
  get trace(): {
    readonly executionId: ExecutionId
    readonly leader: StartedExecution['leader'] | undefined
  } {
    return { executionId: this.executionId, leader: this.leader }
  }

  /** Gives the command to the guardian. */
  submit(): void {
    const { executionId, argv, cwd, env } = this.init.spec
    const [program, ...args] = argv
    try {
      const { deadline, init } = this
      const command = { executionId, argv: [program, ...args] as [string, ...string[]], cwd, env: { ...env } }
      init.send({ kind: 'run', ...command, deadline, fed: init.fed })
      this.isGuarded = true
    } catch (thrown) {
      const reason = toCodedError(thrown).message
      this.fail(new CodedError('exec.spawn_failed', { command: program, reason }).toShape())
    }
  }

  onStarted(leader: StartedExecution['leader']): void {
    this.leader = leader
    this.start.resolve({ pid: leader.pid })
  }

  onOutput(stream: OutputStream, bytes: Uint8Array): void {
    this.pieces.push([stream, bytes])
    if (!this.isDelivering) void this.deliver()
  }

  onEnded({ exitCode, signal, cause, quiet, processes = [], error }: EndedEvent): void {
    this.finish({ exitCode, signal, cause, quiet, processes, ...(error === undefined ? {} : { error }) })
  }

  /** The guardian ended before the execution did, and the node has ended the rest, as far as `leftover` says. */
  onGuardianLost(leftover: Leftover | undefined): void {
    const error = new CodedError('exec.guardian_lost').toShape()
    const { quiet, processes } = leftover ?? { quiet: false, processes: [] }
    this.finish({ exitCode: undefined, signal: undefined, cause: 'guardian-lost', quiet, processes, error })
  }

  /** Nothing ran. */
  fail(error: ErrorShape): void {
    this.finish({ exitCode: undefined, signal: undefined, cause: 'spawn-failed', quiet: true, error })
  }

  private finish(result: ExecutionEnd): void {
    if (this.result !== undefined) return
    this.result = result
    const { error } = result
    this.start.reject(
      error ? CodedError.fromShape(error) : new CodedError('operation.cancelled', { what: 'the command' }),
    )
    if (!this.isDelivering) this.settle()
    else if (this.isHurried || result.cause !== 'exited') this.limitDrain()
  }

  private async deliver(): Promise<void> {
    this.isDelivering = true
    for (let piece = this.pieces.shift(); piece !== undefined; piece = this.pieces.shift()) {
      const [stream, bytes] = piece
      if (!this.readerFailed) await this.read(stream, bytes)
      const credit = creditOf(bytes)
      this.init.send({ kind: 'acknowledge', executionId: this.executionId, credit })
    }
    this.isDelivering = false
    if (this.result !== undefined) this.settle()
  }

  private async read(stream: OutputStream, bytes: Uint8Array): Promise<void> {
    try {
      await this.init.reader(stream, bytes)
    } catch (thrown) {
      this.readerFailed = true
      this.end(`the reader of its output failed: ${toCodedError(thrown).message}`)
    }
  }

  /** Somebody waits for the end, and a reader that stands still must not hold it up. */
  private limitDrain(): void {
    this.drainLimit ??= setTimeout(() => {
      this.pieces.length = 0
      this.settle()
    }, LIMITS.execDrainMsMax)
  }

  private settle(): void {
    clearTimeout(this.drainLimit)
    if (this.result !== undefined) this.settled.resolve(this.result)
  }
}

function checked(deadline: ExecutionDeadline): ExecutionDeadline {
  assert(deadline.termAt <= deadline.killAt && Number.isFinite(deadline.killAt), 'TERM comes before KILL')
  return deadline
}
