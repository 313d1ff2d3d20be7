/** The bench's end of a load process. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BenchFailure } from './bench-failure.ts'
import type { Measured, Recovery } from './load.ts'
import type { LockServiceSpec } from './lock-service.ts'

export type LoadCall =
  | { readonly type: 'open'; readonly spec: LockServiceSpec }
  | {
      readonly type: 'measure'
      readonly clients: number
      readonly warmUpMs: number
      readonly measureMs: number
    }
  | { readonly type: 'grant'; readonly clients: number; readonly count: number }
  | { readonly type: 'start'; readonly clients: number }
  | { readonly type: 'watch'; readonly server: number }
  | { readonly type: 'recovered' }
  | { readonly type: 'stop' }

/** Nobody takes over, or the killed server was not the one that was watched. */
const RECOVERED_WITHIN_MS = 60_000

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (failure: BenchFailure) => void
}

export class LoadProcess {
  private readonly child: ChildProcess
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 1

  private constructor(child: ChildProcess) {
    this.child = child
    child.on('message', ({ id, result, failure }: { id: number; result?: unknown; failure?: string }) => {
      const waiting = this.waiting.get(id)
      this.waiting.delete(id)
      if (failure === undefined) waiting?.resolve(result)
      else waiting?.reject(new BenchFailure(`the load failed: ${failure}`))
    })
    child.once('exit', (code, signal) => {
      for (const { reject } of this.waiting.values())
        reject(new BenchFailure(`the load process ended with ${code ?? signal}`))
    })
  }

  static async start(spec: LockServiceSpec, execArgv: readonly string[] = []): Promise<LoadProcess> {
    const child = fork(fileURLToPath(new URL('./load-main.ts', import.meta.url)), {
      serialization: 'advanced',
      execArgv: [...execArgv],
    })
    const load = new LoadProcess(child)
    try {
      await load.call({ type: 'open', spec })
    } catch (failure) {
      child.kill()
      throw failure
    }
    return load
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  measure(clients: number, warmUpMs: number, measureMs: number): Promise<Measured> {
    return this.call({ type: 'measure', clients, warmUpMs, measureMs }) as Promise<Measured>
  }

  async grant(clients: number, count: number): Promise<void> {
    await this.call({ type: 'grant', clients, count })
  }

  async startLoad(clients: number): Promise<void> {
    await this.call({ type: 'start', clients })
  }

  async watch(server: number): Promise<void> {
    await this.call({ type: 'watch', server })
  }

  recovered(): Promise<Recovery> {
    const late = new Promise<never>((_, reject) => {
      const failure = new BenchFailure(`no grant within ${RECOVERED_WITHIN_MS} ms`)
      setTimeout(() => reject(failure), RECOVERED_WITHIN_MS).unref()
    })
    return Promise.race([this.call({ type: 'recovered' }) as Promise<Recovery>, late])
  }

  async stopLoad(): Promise<void> {
    await this.call({ type: 'stop' })
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.disconnect()
    await exited
  }

  private call(call: LoadCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++
      this.waiting.set(id, { resolve, reject })
      this.child.send({ id, call })
    })
  }
}
