import {
  assert,
  type BootMs,
  type Clock,
  type ExecutionId,
  toCodedError,
  unreachable,
} from '../base/index.ts'
import { GuardedExecution, LOOK_MS } from './guarded-execution.ts'
import type { ExecutionJournal } from './journal.ts'
import { type ProcessIdentity, readProcess, sendSignal } from './linux-processes.ts'
import type { PipePool } from './output-pipes.ts'
import type { GuardianCommand, GuardianEvent, RunCommand } from './protocol.ts'
import { type SpawnedCommand, spawnCommand } from './spawn-command.ts'

interface GuardianInit {
  /** `undefined`: it was gone before the guardian could look. */
  readonly node: ProcessIdentity | undefined
  readonly journal: ExecutionJournal
  readonly pipes: PipePool
  readonly clock: Clock
  readonly send: (event: GuardianEvent) => void
}

/** The guardian without its pipes: takes commands, gives events, looks after every execution. */
export class Guardian {
  private readonly init: GuardianInit
  private readonly executions = new Map<ExecutionId, GuardedExecution>()
  private looking: NodeJS.Timeout | undefined
  private leaving = false
  /** When the node itself has to be gone: a function call in it may not outlive its lease (ADR 0014). */
  private nodeGuard: { readonly killAt: BootMs; readonly label: string } | undefined

  constructor(init: GuardianInit) {
    this.init = init
  }

  /** A command about an execution that has ended meanwhile changes nothing. */
  handle(command: GuardianCommand): void {
    switch (command.kind) {
      case 'run':
        return this.run(command)
      case 'extend':
        return this.executions.get(command.executionId)?.extend(command.deadline)
      case 'feed':
        return this.executions.get(command.executionId)?.feed(command.deadline, command.bytes)
      case 'guard-node':
        return this.guardNode(command.killAt, command.label)
      case 'end':
        return this.executions.get(command.executionId)?.end(command.graceMs)
      case 'acknowledge':
        return this.executions.get(command.executionId)?.acknowledge(command.credit)
      case 'ping':
        return this.init.send({ kind: 'pong' })
      default:
        return unreachable(command)
    }
  }

  /** The node is gone: KILL to everything, no grace (why: ADR 0006). Resolves after quiet, or its limit. */
  async leave(): Promise<void> {
    this.leaving = true
    const all = [...this.executions.values()]
    for (const execution of all) execution.kill('killed-on-order')
    await Promise.all([this.init.pipes.close(), ...all.map((execution) => execution.quiet)])
  }

  private run(command: RunCommand): void {
    const { executionId } = command
    assert(!this.executions.has(executionId), `execution ${executionId} runs already`)
    if (this.leaving) return
    if (this.init.clock.now() >= command.deadline.termAt) {
      this.init.send({ kind: 'ended', executionId, cause: 'deadline', quiet: true })
      return
    }
    const spawned = spawnCommand(command, this.init.pipes, (error) =>
      this.init.send({
        kind: 'ended',
        executionId,
        cause: 'spawn-failed',
        quiet: true,
        error: error.toShape(),
      }),
    )
    if (spawned !== undefined) void this.guard(command, spawned)
  }

  private async guard(command: RunCommand, spawned: SpawnedCommand): Promise<void> {
    const { executionId } = command
    const { journal, clock, send } = this.init
    this.journaled(() => journal.add({ executionId, leader: spawned.identity }))
    const execution = new GuardedExecution(command, spawned, clock, send)
    this.executions.set(executionId, execution)
    this.keepLooking()
    // What is not quiet stays in the journal: the next start tries again.
    if (await execution.quiet) this.journaled(() => journal.remove(executionId))
    const ended = await execution.ended()
    this.executions.delete(executionId)
    send(ended)
    this.keepLooking()
  }

  private guardNode(killAt: BootMs | undefined, label: string): void {
    this.nodeGuard = killAt === undefined ? undefined : { killAt, label }
    this.keepLooking()
  }

  /** As long as there is a deadline to keep. */
  private keepLooking(): void {
    if (this.executions.size > 0 || this.nodeGuard !== undefined) {
      this.looking ??= setInterval(() => this.look(), LOOK_MS)
      return
    }
    clearInterval(this.looking)
    this.looking = undefined
  }

  private look(): void {
    for (const execution of this.executions.values()) execution.look()
    if (this.nodeGuard !== undefined && this.init.clock.now() >= this.nodeGuard.killAt)
      this.killNode(this.nodeGuard.label)
  }

  /** What follows is what follows when a node dies: the pipe closes, and the guardian ends the rest. */
  private killNode(label: string): void {
    const { node, journal } = this.init
    this.nodeGuard = undefined
    this.keepLooking()
    if (node === undefined || readProcess(node.pid)?.startTicks !== node.startTicks) return
    this.journaled(() => journal.noteNodeKilled(label))
    sendSignal(node.pid, 'SIGKILL')
  }

  /** A full disk does not stop the work: the mark in the environment says the same as the journal, at a higher cost. */
  private journaled(write: () => void): void {
    try {
      write()
    } catch (thrown) {
      this.init.send({ kind: 'warning', message: toCodedError(thrown).message })
    }
  }
}
