/** What a process of `bench tasks` and `bench cancel` is told, and the two shapes it comes in. */
import { createWriteStream } from 'node:fs'
import { DemoNode, NODE_FLAGS } from '../demo/demo-node.ts'
import { BenchFailure } from './bench-failure.ts'
import { CalledProcess } from './called-process.ts'
import type { Cancelled, PopuliTaskSpec } from './populi-task-service.ts'
import type { MeasuredTasks, TaskMeasure } from './task-load.ts'

export type TaskCall =
  | { readonly type: 'serve' }
  | { readonly type: 'ask'; readonly port: number }
  | { readonly type: 'up'; readonly spec: PopuliTaskSpec }
  | { readonly type: 'work-on'; readonly node: string }
  | { readonly type: 'cancel'; readonly argv: readonly string[] }
  | { readonly type: 'measure'; readonly measure: TaskMeasure }
  | { readonly type: 'stream'; readonly argv: readonly string[] }

const PROGRAM = new URL('./task-main.ts', import.meta.url)

/** Whoever gives work away. */
export interface Giver {
  readonly pid: number
  measure(measure: TaskMeasure): Promise<MeasuredTasks>
  /** Resolves with the number of bytes that the command printed. */
  stream(argv: readonly string[]): Promise<number>
}

class ProcessGiver implements Giver {
  protected readonly process: CalledProcess<TaskCall>

  constructor(process: CalledProcess<TaskCall>) {
    this.process = process
  }

  get pid(): number {
    return this.process.pid
  }

  async measure(measure: TaskMeasure): Promise<MeasuredTasks> {
    return (await this.process.call({ type: 'measure', measure })) as MeasuredTasks
  }

  async stream(argv: readonly string[]): Promise<number> {
    return (await this.process.call({ type: 'stream', argv })) as number
  }
}

/** Our submitter. */
export class NodeGiver extends ProcessGiver {
  async cancel(argv: readonly string[]): Promise<Cancelled> {
    return (await this.process.call({ type: 'cancel', argv })) as Cancelled
  }
}

/** The peer: a server process and a client process. */
export class HttpPeer implements Giver {
  readonly name = 'http'
  private readonly server = new CalledProcess<TaskCall>(PROGRAM)
  private readonly client = new CalledProcess<TaskCall>(PROGRAM)
  private readonly giver = new ProcessGiver(this.client)

  async start(): Promise<void> {
    const port = (await this.server.call({ type: 'serve' })) as number
    await this.client.call({ type: 'ask', port })
  }

  get pid(): number {
    return this.client.pid
  }

  get serverPid(): number {
    return this.server.pid
  }

  measure(measure: TaskMeasure): Promise<MeasuredTasks> {
    return this.giver.measure(measure)
  }

  stream(argv: readonly string[]): Promise<number> {
    return this.giver.stream(argv)
  }

  async end(): Promise<void> {
    await Promise.all([this.client.end(), this.server.end()])
  }
}

/** A node of the mesh in a program that embeds it. */
export class EmbeddedNode extends DemoNode {
  private running: CalledProcess<TaskCall> | undefined

  override get pid(): number {
    return this.running?.pid ?? 0
  }

  override async up(): Promise<void> {
    this.running = new CalledProcess<TaskCall>(PROGRAM, { env: this.env, flags: NODE_FLAGS, errors: 'pipe' })
    this.running.errors?.pipe(createWriteStream(`${this.dataDir}.log`, { flags: 'a' }))
    await this.running.call({ type: 'up', spec: { dataDir: this.dataDir, ports: this.ports } })
  }

  /** As the submitter of work for `worker`. */
  async giver(worker: string): Promise<NodeGiver> {
    const { running } = this
    if (running === undefined) throw new BenchFailure(`${this.name} is not up`)
    await running.call({ type: 'work-on', node: worker })
    return new NodeGiver(running)
  }

  override async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.running?.kill(signal)
    this.running = undefined
  }
}
