/**
 * Our side: a program that embeds a node, which is one of the voters of the mesh, and gives its work to another one. What it measures is
 * what such a program sees: from the call to the event that says so.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskId } from '../../src/base/index.ts'
import type { NodeControl, RunEvent } from '../../src/node/control/index.ts'
import { startNode } from '../../src/node/index.ts'
import { BenchFailure } from './bench-failure.ts'
import { isProcess } from './process-usage.ts'
import type { Finished, TaskService, Work } from './task-service.ts'

export interface PopuliTaskSpec {
  readonly dataDir: string
  readonly ports: { readonly peer: number; readonly facade: number }
}

/** How long it takes a task to be over, from the call that cancels it. */
export interface Cancelled {
  /** Until the submitter has the worker's word that nothing of it is left. */
  readonly acknowledgedMs: number
  /** Until its process is not there any more, as anybody on the machine can see. */
  readonly goneMs: number
}

const LOOK_MS = 1

export class PopuliTaskService implements TaskService {
  private readonly control: NodeControl
  private readonly stop: () => Promise<void>
  /** Name of the node that work is given to. */
  worker: string | undefined

  private constructor(control: NodeControl, stop: () => Promise<void>) {
    this.control = control
    this.stop = stop
  }

  static async open({ dataDir, ports }: PopuliTaskSpec): Promise<PopuliTaskService> {
    const flags = { peerPort: String(ports.peer), facadePort: String(ports.facade) }
    const node = await startNode({ dataDir, flags })
    return new PopuliTaskService(node.control, () => node.stop())
  }

  async run(work: Work, onOutput?: (bytes: number) => void): Promise<Finished> {
    const from = performance.now()
    let startedMs = 0
    let endedMs = 0
    await this.give(work, async (event) => {
      if (event.type === 'output') onOutput?.(event.chunk.length)
      else if (event.type === 'state' && event.state === 'running') startedMs = performance.now() - from
      else if (event.type === 'result') {
        endedMs = performance.now() - from
        const { state, node, reason, error } = event.task
        if (state !== 'completed' || node !== this.worker)
          throw new BenchFailure(`a task ended ${state} on ${node}: ${reason} ${error}`)
      }
    })
    return { startedMs, endedMs }
  }

  /** Starts a command that prints its process id and never ends, and cancels it once it has. */
  async cancel(argv: readonly string[]): Promise<Cancelled> {
    let taskId: TaskId | undefined
    const pid = Promise.withResolvers<number>()
    const ended = this.give({ kind: 'command', argv }, async (event) => {
      if (event.type === 'state') taskId = event.taskId
      if (event.type === 'output') pid.resolve(Number.parseInt(Buffer.from(event.chunk).toString(), 10))
      if (event.type === 'result' && event.task.state !== 'cancelled')
        throw new BenchFailure(`a cancelled task ended ${event.task.state}: ${event.task.error}`)
    })
    ended.catch(pid.reject)
    const running = await pid.promise
    if (taskId === undefined) throw new BenchFailure('a task that prints has an id')
    const from = performance.now()
    const gone = this.whenGone(running, from)
    await this.control.cancel(taskId)
    const acknowledgedMs = performance.now() - from
    const isLeft = isProcess(running)
    await ended
    if (isLeft) throw new BenchFailure(`process ${running} outlives the word that it is gone`)
    return { acknowledgedMs, goneMs: await gone }
  }

  close(): Promise<void> {
    return this.stop()
  }

  private async whenGone(pid: number, from: number): Promise<number> {
    while (isProcess(pid)) await sleep(LOOK_MS)
    return performance.now() - from
  }

  private give(work: Work, report: (event: RunEvent) => Promise<void>): Promise<void> {
    if (work.kind === 'function') throw new BenchFailure('not yet')
    const { signal } = new AbortController()
    const request = { argv: work.argv, cwd: undefined, env: {}, on: this.worker, timeoutMs: undefined }
    return this.control.run(request, report, signal)
  }
}
