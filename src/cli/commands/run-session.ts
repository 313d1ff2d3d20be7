/**
 * One `populi run`: the events of the node become output, words and an exit code. The next event is asked for when the
 * last one has been written, so that a slow reader of our output slows the command, wherever it runs.
 */
import { type CodedError, type TaskId, toCodedError, unreachable } from '../../base/index.ts'
import { type RunEvent, type RunRequest, type TaskView, toJson } from '../../node/control/index.ts'
import type { Cli } from '../command.ts'
import { commandExitCode, EXIT_INTERRUPTED, exitCodeOf } from '../exit-code.ts'
import { jsonOutput } from '../json-output.ts'
import { type Colour, paintFor } from '../render/paint.ts'
import { outcome, reasonText, stateColour } from '../render/task.ts'
import { printable } from '../render/text.ts'

type StateEvent = Extract<RunEvent, { type: 'state' }>

export class RunSession {
  private readonly cli: Cli
  private readonly quiet: boolean
  /** Leaving: the connection is closed, upon which the node cancels the task. */
  private readonly leave = new AbortController()
  private task: TaskId | undefined
  private interrupts = 0
  private lastWhy: string | undefined
  private exitCode = 1

  constructor(cli: Cli, quiet: boolean) {
    this.cli = cli
    this.quiet = quiet
  }

  /** @returns the exit code. @throws CodedError whatever kept the task from having a result. */
  async run(request: RunRequest): Promise<number> {
    const release = this.cli.io.onInterrupt(() => this.interrupt())
    const left = new Promise<'left'>((settle) => {
      this.leave.signal.addEventListener('abort', () => settle('left'), { once: true })
    })
    try {
      const running = this.cli.client.run(request, (event) => this.report(event), this.leave.signal)
      // Whoever leaves does not wait for output that nobody reads, either.
      if ((await Promise.race([running, left])) === 'left') return EXIT_INTERRUPTED
      return this.exitCode
    } catch (thrown) {
      if (this.leave.signal.aborted) return EXIT_INTERRUPTED
      throw thrown
    } finally {
      release()
    }
  }

  private interrupt(): void {
    this.interrupts += 1
    const { task } = this
    if (this.interrupts > 1 || task === undefined) {
      if (task !== undefined)
        void this.tell(`left; this node goes on cancelling: \`populi task ${task}\` shows its end`, 'yellow')
      this.leave.abort()
      return
    }
    void this.tell(`cancelling task ${task}; interrupt again to leave at once`, 'yellow')
    this.cli.client.cancel(task).catch((thrown: unknown) => this.cancelFailed(toCodedError(thrown)))
  }

  private cancelFailed(error: CodedError): void {
    // It ended by itself in that moment: its result is on the way.
    if (error.code === 'task.ended') return
    void this.tell(printable(error.message), 'red')
    this.leave.abort()
  }

  private async report(event: RunEvent): Promise<void> {
    if (event.type === 'state') this.task = event.taskId
    if (event.type === 'result') this.exitCode = this.exitCodeOf(event.task)
    if (this.cli.json) {
      const shown = event.type === 'output' ? jsonOutput(event) : event
      return this.cli.io.stdout.write(`${toJson(shown)}\n`)
    }
    switch (event.type) {
      case 'output':
        return this.cli.io[event.stream].write(event.chunk)
      case 'state':
        return this.tellState(event)
      case 'result':
        return this.tellResult(event.task)
      default:
        return unreachable(event)
    }
  }

  private async tellState(event: StateEvent): Promise<void> {
    // The result says it, with how it ended.
    if (event.state === 'completed' || event.state === 'failed' || event.state === 'cancelled') return
    const where = event.node === undefined ? '' : ` on ${event.node}`
    const lease = event.leaseId === undefined ? '' : `, lease ${event.leaseId}`
    const why = event.detail ?? (event.reason === undefined ? undefined : reasonText(event.reason))
    // One reason stands over several states; said once, it is read.
    const because = why === undefined || why === this.lastWhy ? '' : `: ${printable(why)}`
    this.lastWhy = why
    await this.tell(`task ${event.taskId} ${event.state}${where}${lease}${because}`, stateColour(event.state))
  }

  private async tellResult(task: TaskView): Promise<void> {
    const where = task.node === undefined ? '' : ` on ${task.node}`
    const how = outcome(task)
    const end = how === undefined || how === task.state ? '' : `: ${printable(how)}`
    const ran = task.exitCode !== undefined || task.signal !== undefined
    await this.tell(`task ${task.taskId} ${task.state}${where}${end}`, stateColour(task.state), !ran)
  }

  /** A line for people, beside the command's own output. */
  private async tell(text: string, colour: Colour, evenQuiet = false): Promise<void> {
    if (this.cli.json || (this.quiet && !evenQuiet)) return
    const { io } = this.cli
    await this.cli.say(`${paintFor(io, io.stderr)(colour, 'populi:')} ${text}\n`)
  }

  private exitCodeOf(task: TaskView): number {
    const isOurs = this.interrupts > 0 && commandExitCode(task) === undefined
    return isOurs ? EXIT_INTERRUPTED : exitCodeOf(task)
  }
}
