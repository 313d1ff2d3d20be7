/**
 * Our side: a program that embeds a node, which is one of the voters of the mesh, and gives its work to another one. What it measures is
 * what such a program sees: from the call until it has the news that it runs, and the result.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, type EmbeddedNode, type MeshTask } from '../../src/node/index.ts'
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
/** The others learn of a function with the next record of its node. */
const PROVIDED_WITHIN_MS = 30_000

/** What every node of the bench does when it is asked for it. */
const FUNCTIONS = { noop: async () => null }

export class PopuliTaskService implements TaskService {
  private readonly node: EmbeddedNode
  /** Name of the node that work is given to. */
  private worker: string | undefined

  private constructor(node: EmbeddedNode) {
    this.node = node
  }

  static async open({ dataDir, ports }: PopuliTaskSpec): Promise<PopuliTaskService> {
    const settings = { peerPort: ports.peer, facadePort: ports.facade }
    return new PopuliTaskService(await createNode({ dataDir, settings, functions: FUNCTIONS }))
  }

  /** Resolves when `worker` is known to have the functions of the bench. */
  async workOn(worker: string): Promise<void> {
    this.worker = worker
    const end = performance.now() + PROVIDED_WITHIN_MS
    while (!this.node.providers('noop').some((provider) => provider === worker)) {
      if (performance.now() > end)
        throw new BenchFailure(`${worker} does not have the functions of the bench`)
      await sleep(LOOK_MS * 100)
    }
  }

  async run(work: Work, onOutput?: (bytes: number) => void): Promise<Finished> {
    const from = performance.now()
    const task = await this.submit(
      work,
      onOutput === undefined ? undefined : async (_, chunk) => onOutput(chunk.length),
    )
    let startedMs = 0
    const started = untilRunning(task).then(() => {
      startedMs = performance.now() - from
    })
    const result = await task.result
    const endedMs = performance.now() - from
    await started
    if (isFailure(result)) throw new BenchFailure(`a command ended with ${JSON.stringify(result)}`)
    return { startedMs, endedMs }
  }

  /** Starts a command that prints its process id and never ends, and cancels it once it has. */
  async cancel(argv: readonly string[]): Promise<Cancelled> {
    const printed = Promise.withResolvers<string>()
    const task = await this.submit({ kind: 'command', argv }, async (_, chunk) =>
      printed.resolve(Buffer.from(chunk).toString()),
    )
    task.result.catch(printed.reject)
    const pid = Number.parseInt(await printed.promise, 10)
    const from = performance.now()
    const gone = whenGone(pid, from)
    await task.cancel()
    const acknowledgedMs = performance.now() - from
    if (isProcess(pid)) throw new BenchFailure(`process ${pid} outlives the word that it is gone`)
    return { acknowledgedMs, goneMs: await gone }
  }

  close(): Promise<void> {
    return this.node.close()
  }

  private submit(
    work: Work,
    onOutput?: (stream: string, chunk: Uint8Array) => Promise<void>,
  ): Promise<MeshTask<unknown>> {
    const common = {
      ...(this.worker === undefined ? {} : { on: this.worker }),
      ...(onOutput === undefined ? {} : { onOutput }),
    }
    if (work.kind === 'function') return this.node.submit({ function: work.name, input: null, ...common })
    const [program, ...args] = work.argv
    if (program === undefined) throw new BenchFailure('a command has a program')
    return this.node.submit({ command: [program, ...args], ...common })
  }
}

async function untilRunning(task: MeshTask<unknown>): Promise<void> {
  for await (const { state } of task.states()) if (state === 'running') return
}

const isFailure = (result: unknown): boolean =>
  typeof result === 'object' && result !== null && 'exitCode' in result && result.exitCode !== 0

async function whenGone(pid: number, from: number): Promise<number> {
  while (isProcess(pid)) await sleep(LOOK_MS)
  return performance.now() - from
}
