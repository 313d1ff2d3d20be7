/**
 * The output of one submitted task, from its worker to the log on this node's disk and to the reader that paces it. It is acknowledged
 * when both have it: what is on disk is not lost with this node, and a slow reader slows the writer. Other readers follow the log
 * and hold nothing up.
 */
import { type CodedError, toCodedError } from '../base/index.ts'
import type { OutputLog, OutputLogs, SubmitterEffect } from '../task/index.ts'

type Output = Extract<SubmitterEffect, { type: 'output' }>

interface TaskOutputInit {
  readonly logs: OutputLogs
  /** Of the log. */
  readonly key: string
  /** There is more in the log. */
  readonly grown: () => void
  readonly fatal: (error: CodedError) => void
}

export class TaskOutput {
  private readonly init: TaskOutputInit
  /** Opened when something is printed: most tasks print nothing, or nobody looks. */
  private log: Promise<OutputLog> | undefined
  private keptSoFar: Promise<void> | undefined
  private acknowledgedSoFar: Promise<void> = Promise.resolve()

  constructor(init: TaskOutputInit) {
    this.init = init
  }

  /** What was taken so far is on disk; `undefined`: nothing was taken in this life of the node. */
  get kept(): Promise<void> | undefined {
    return this.keptSoFar
  }

  open(): Promise<OutputLog> {
    this.log ??= this.init.logs.open(this.init.key)
    return this.log
  }

  /** @param read settles when the reader has it. @param acknowledge is called when the log has it, too, in order. */
  take({ stream, chunk }: Output, read: Promise<void>, acknowledge: () => void): void {
    const kept = chunk.length === 0 ? Promise.resolve() : this.keep(stream, chunk)
    this.keptSoFar = Promise.all([this.keptSoFar, kept]).then(() => undefined)
    this.acknowledgedSoFar = Promise.all([this.acknowledgedSoFar, kept, read]).then(acknowledge)
    // A log that cannot be written stops the node, and nothing is acknowledged any more.
    this.keptSoFar.catch(() => undefined)
    this.acknowledgedSoFar.catch(() => undefined)
  }

  /** The log keeps the order of the calls, so they need not wait for each other. */
  private async keep(stream: Output['stream'], chunk: Uint8Array): Promise<void> {
    try {
      const log = await this.open()
      await log.append(stream, chunk)
      this.init.grown()
    } catch (thrown) {
      this.init.fatal(toCodedError(thrown))
      throw thrown
    }
  }
}
