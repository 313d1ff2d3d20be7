import { resolve } from 'node:path'
import {
  assert,
  CodedError,
  type ExecutionId,
  LIMITS,
  type Logger,
  present,
  toCodedError,
  unreachable,
} from '../base/index.ts'
import type { Execution, ExecutionSpec, FedExecution, OutputReader } from './execution.ts'
import { GuardianProcess } from './guardian-process.ts'
import { ExecutionJournal } from './journal.ts'
import { endLeftovers, type Leftover, type LeftoversInit } from './leftovers.ts'
import { assertSupportedSystem } from './linux-processes.ts'
import { ownerOf } from './markers.ts'
import { NodeGuard } from './node-guard.ts'
import { executionIdSchema, type GuardianCommand, type GuardianEvent } from './protocol.ts'
import { TrackedExecution, type TrackedExecutionInit } from './tracked-execution.ts'

interface GuardianClientInit {
  /** For this node alone, below its data directory; made when it is absent. */
  readonly directory: string
  readonly logger: Logger
  /** From TERM to KILL when an execution is told to end, in milliseconds; cut short by its deadline. */
  readonly stopGraceMs: number
}

/**
 * Runs commands under the node's guardian process. The node decides what runs and until when; the guardian sees to it,
 * also when the node cannot.
 */
export class GuardianClient {
  private readonly init: GuardianClientInit
  private readonly directory: string
  readonly nodeGuard = new NodeGuard((command) => this.tellNodeGuard(command))
  private readonly executions = new Map<ExecutionId, TrackedExecution>()
  private phase: 'new' | 'started' | 'stopping' = 'new'
  private guardian: GuardianProcess | undefined
  /** Under way from the loss of a guardian until the next one is ready; the one thing that starts guardians. */
  private recovery: Promise<void> | undefined
  private leftoversInit: LeftoversInit | undefined

  constructor(init: GuardianClientInit) {
    this.init = init
    this.directory = resolve(init.directory)
  }

  /**
   * Ends what an earlier life of the node left running, then starts the guardian.
   *
   * @returns what was left, by the journal; not quiet ones are tried again at the next start.
   * @throws CodedError `exec.unsupported_system`, `exec.guardian_lost`, `store.write_failed`
   */
  async start(): Promise<readonly Leftover[]> {
    assert(this.phase === 'new', 'a guardian client starts once')
    assertSupportedSystem()
    const { logger } = this.init
    const journal = new ExecutionJournal(this.directory)
    this.leftoversInit = { journal, owner: ownerOf(this.directory), logger }
    const leftovers = await endLeftovers(this.leftoversInit, [])
    for (const leftover of leftovers)
      logger.warn(
        { executionId: leftover.executionId, quiet: leftover.quiet },
        'an execution of an earlier life was ended',
      )
    const overdue = journal.takeNodeKilled()
    if (overdue !== undefined)
      logger.error(
        { call: overdue },
        'the guardian ended the node: a function call in it did not end in time',
      )
    await this.startGuardian()
    this.phase = 'started'
    return leftovers
  }

  /**
   * Ends all executions as `end` does, and the guardian. Resolves when both are gone. A call in this process that does not end
   * is waited for until its lease is over, when the guardian ends the process: without a guardian nobody would.
   */
  async stop(): Promise<void> {
    if (this.phase !== 'started') return
    this.phase = 'stopping'
    for (const execution of this.executions.values()) execution.end('the node stops')
    await Promise.all([...this.executions.values()].map((execution) => execution.ended))
    await this.nodeGuard.released()
    await this.recovery
    const { guardian } = this
    this.guardian = undefined
    await guardian?.stop()
  }

  /** The present guardian: for the status, and for who wants to kill it. */
  get guardianPid(): number | undefined {
    return this.guardian?.pid
  }

  /**
   * A command that cannot be started, for whatever reason, is an execution that ends with `spawn-failed`. While a lost
   * guardian is being replaced it waits for the next one.
   *
   * @throws CodedError `node.stopping`; `limit.exceeded`: too many run already.
   */
  run(spec: ExecutionSpec, reader: OutputReader): Execution {
    return this.launch(spec, reader, false)
  }

  /** The same, for a command that gets its input by `feed`. */
  runFed(spec: ExecutionSpec, reader: OutputReader): FedExecution {
    return this.launch(spec, reader, true)
  }

  private launch(spec: ExecutionSpec, reader: OutputReader, fed: boolean): FedExecution {
    assert(this.phase !== 'new', 'start the guardian client before it runs commands')
    if (this.phase === 'stopping') throw new CodedError('node.stopping')
    const { executionId } = spec
    assert(executionIdSchema.safeParse(executionId).success, 'an execution id is printable ASCII')
    assert(!this.executions.has(executionId), `execution ${executionId} runs already`)
    if (this.executions.size >= LIMITS.executionsMax) {
      const got = this.executions.size + 1
      throw new CodedError('limit.exceeded', {
        what: 'the number of commands that run',
        got,
        max: LIMITS.executionsMax,
      })
    }
    const { logger, stopGraceMs } = this.init
    const send: TrackedExecutionInit['send'] = (command) => this.guardian?.send(command)
    const execution = new TrackedExecution({ spec, reader, logger, stopGraceMs, fed, send })
    this.executions.set(executionId, execution)
    void execution.ended.then(() => this.executions.delete(executionId))
    if (this.guardian !== undefined) execution.submit()
    else this.recover()
    return execution
  }

  private async startGuardian(): Promise<void> {
    const { owner, logger } = present(this.leftoversInit, 'the owner of the directory')
    const guardian = await GuardianProcess.start({
      directory: this.directory,
      owner,
      logger,
      onEvent: (event) => this.onEvent(event),
      isBusy: () => this.executions.size > 0 || this.nodeGuard.isHeld,
    })
    this.guardian = guardian
    this.nodeGuard.guardianChanged()
    void guardian.closed.then(() => this.onClosed(guardian))
    for (const execution of this.executions.values()) if (execution.isWaiting) execution.submit()
  }

  private onEvent(event: GuardianEvent): void {
    switch (event.kind) {
      case 'started': {
        const { executionId, pid, startTicks } = event
        return this.executions.get(executionId)?.onStarted({ pid, startTicks })
      }
      case 'output':
        return this.executions.get(event.executionId)?.onOutput(event.stream, event.bytes)
      case 'ended':
        return this.executions.get(event.executionId)?.onEnded(event)
      case 'warning':
        return this.init.logger.warn(
          { guardian: this.guardianPid, text: event.message },
          'the guardian warns',
        )
      case 'ready':
      case 'pong':
        return
      default:
        return unreachable(event)
    }
  }

  /** Resolves when it is out of this process's hands, at once where it can. @throws CodedError `exec.guardian_lost` */
  private tellNodeGuard(command: GuardianCommand): Promise<void> | undefined {
    const { guardian } = this
    if (guardian === undefined) return this.tellNextGuardian(command)
    guardian.send(command)
    return guardian.isFlushed ? undefined : guardian.flushed()
  }

  private async tellNextGuardian(command: GuardianCommand): Promise<void> {
    this.recover()
    await this.recovery
    if (this.guardian === undefined) throw new CodedError('exec.guardian_lost')
    await this.tellNodeGuard(command)
  }

  private onClosed(guardian: GuardianProcess): void {
    if (this.guardian !== guardian) return
    this.guardian = undefined
    this.init.logger.error({ guardian: guardian.pid }, 'the guardian was lost')
    this.recover()
  }

  private recover(): void {
    this.recovery ??= this.replaceGuardian()
  }

  /** Ends what the lost guardian had started, then starts the next one, until nobody is left waiting for it. */
  private async replaceGuardian(): Promise<void> {
    do {
      const lost = [...this.executions.values()].filter(
        (execution) => !execution.isWaiting && !execution.isOver,
      )
      try {
        const init = present(this.leftoversInit, 'the owner of the directory')
        const leftovers = await endLeftovers(
          init,
          lost.map((execution) => execution.trace),
        )
        const ends = new Map(leftovers.map((leftover) => [leftover.executionId, leftover]))
        for (const execution of lost) execution.onGuardianLost(ends.get(execution.executionId))
        if (this.phase === 'started') await this.startGuardian()
      } catch (thrown) {
        this.init.logger.error({ error: toCodedError(thrown).message }, 'no guardian: commands cannot be run')
        for (const execution of lost) execution.onGuardianLost(undefined)
        const error = new CodedError('exec.guardian_lost').toShape()
        for (const execution of this.executions.values()) if (execution.isWaiting) execution.fail(error)
      }
    } while (
      this.guardian === undefined &&
      [...this.executions.values()].some((execution) => !execution.isOver)
    )
    this.recovery = undefined
  }
}
