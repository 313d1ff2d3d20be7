/**
 * One command under the guardian, from its start to the proof that nothing of it is left.
 *
 *   running ── exits by itself ───────────────────────────────┐
 *      │                                                      ▼
 *      └─ order or termAt: TERM ── group empty, or killAt ── KILL ── quiet ── output drained ── ended
 *
 * What a command leaves running in the background is part of the task: when the main process ends by itself, the
 * rest is killed at once. When it was told to end, the rest of its group was told too and keeps the grace time: a shell
 * dies of TERM at once, the program that it runs may be saving its work. What left the group gets no grace.
 */
import type { Writable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { bootMs, type Clock, LIMITS } from '../base/index.ts'
import type { ExecutionDeadline } from './execution.ts'
import { sendSignal } from './linux-processes.ts'
import { executionMarker } from './markers.ts'
import { OutputPump } from './output-pump.ts'
import type { EndedEvent, GuardianEvent, RunCommand } from './protocol.ts'
import { endProcesses, Hunt } from './quiet.ts'
import type { SpawnedCommand } from './spawn-command.ts'

/** Interval of `GuardedExecution.look`: how late a deadline can be noticed, also right after a suspend. */
export const LOOK_MS = 50

type EndCause = Exclude<EndedEvent['cause'], 'spawn-failed'>

export class GuardedExecution {
  readonly quiet: Promise<boolean>
  private readonly resolveQuiet: (quiet: boolean) => void
  private readonly command: RunCommand
  private readonly pid: number
  private readonly clock: Clock
  private readonly hunt: Hunt
  private readonly output: OutputPump
  private readonly input: Writable | undefined
  private readonly exited: Promise<void>
  private exit: Pick<EndedEvent, 'exitCode' | 'signal'> = {}
  private deadline: ExecutionDeadline
  /** `undefined` while it runs and nobody wants it to end. */
  private cause: EndCause | undefined
  private killing = false

  constructor(
    command: RunCommand,
    { child, output, input, identity }: SpawnedCommand,
    clock: Clock,
    send: (event: GuardianEvent) => void,
  ) {
    const { executionId } = command
    this.command = command
    this.pid = identity.pid
    this.input = input
    this.clock = clock
    this.deadline = command.deadline
    const marker = executionMarker(executionId)
    this.hunt = new Hunt({ leader: identity, marker, groupOutlivesLeader: true })
    this.output = new OutputPump(output, (stream, bytes) =>
      send({ kind: 'output', executionId, stream, bytes }),
    )
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.quiet = promise
    this.resolveQuiet = resolve
    this.exited = new Promise((exited) => {
      child.on('exit', (code, signal) => {
        this.exit = { exitCode: code ?? undefined, signal: signal ?? undefined }
        this.onExit()
        exited()
      })
    })
    send({ kind: 'started', executionId, ...identity })
  }

  /** Called every `LOOK_MS`. The clock is asked each time: timers stand still while the machine sleeps. */
  look(): void {
    const now = this.clock.now()
    if (now >= this.deadline.killAt) this.kill('deadline')
    else if (now >= this.deadline.termAt) void this.stop('deadline')
    this.output.look()
  }

  extend(deadline: ExecutionDeadline): void {
    if (this.cause === undefined) this.deadline = deadline
  }

  feed(deadline: ExecutionDeadline, bytes: Uint8Array): void {
    if (this.cause !== undefined) return
    this.deadline = deadline
    this.input?.write(bytes)
  }

  end(graceMs: number): void {
    if (this.cause !== undefined) return this.hurry()
    const now = this.clock.now()
    const killAt = Math.min(now + graceMs, this.deadline.killAt)
    this.deadline = { termAt: now, killAt: bootMs(killAt) }
    void this.stop('killed-on-order')
  }

  acknowledge(credit: number): void {
    this.output.acknowledge(credit)
  }

  /** KILL at once. An end that has begun keeps its cause. */
  kill(cause: EndCause): void {
    this.cause ??= cause
    if (this.killing) return
    this.killing = true
    // A look that fails (no file descriptor left) is not caught, like all that must not be guessed here: the guardian
    // ends, and the node takes over.
    void endProcesses(this.hunt).then(this.resolveQuiet)
  }

  /** The last event, when there will be no other. */
  async ended(): Promise<EndedEvent> {
    const quiet = await this.quiet
    if (quiet) await this.exited
    if (this.cause !== 'exited') this.hurry()
    await this.output.drain()
    const { executionId } = this.command
    const processes = [...this.hunt.members]
    return { kind: 'ended', executionId, cause: this.cause ?? 'exited', quiet, processes, ...this.exit }
  }

  private hurry(): void {
    this.output.hurry(LIMITS.execDrainMsMax / LOOK_MS)
  }

  private async stop(cause: EndCause): Promise<void> {
    if (this.cause !== undefined) return
    this.cause = cause
    // While every parent still lives, descent is known: the hunt remembers who belongs to it.
    await this.hunt.look()
    sendSignal(-this.pid, 'SIGTERM')
    // A stopped process takes TERM only when it goes on.
    sendSignal(-this.pid, 'SIGCONT')
  }

  private onExit(): void {
    if (this.cause === undefined) this.kill('exited')
    else void this.outlast(this.cause)
  }

  /** The main process obeyed TERM; the rest of its group has until `killAt`. */
  private async outlast(cause: EndCause): Promise<void> {
    for (let round = 0; !this.killing; round++) {
      const { found } = await this.hunt.look()
      if (!found.some((info) => info.group === this.pid)) return this.kill(cause)
      await pause(Math.min(2 ** round, LOOK_MS))
    }
  }
}
