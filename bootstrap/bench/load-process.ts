/** The bench's end of a load process. */
import { BenchFailure } from './bench-failure.ts'
import { CalledProcess } from './called-process.ts'
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

export class LoadProcess {
  private readonly process = new CalledProcess<LoadCall>(new URL('./load-main.ts', import.meta.url))

  static async start(spec: LockServiceSpec): Promise<LoadProcess> {
    const load = new LoadProcess()
    try {
      await load.process.call({ type: 'open', spec })
    } catch (failure) {
      await load.process.kill('SIGTERM')
      throw failure
    }
    return load
  }

  get pid(): number {
    return this.process.pid
  }

  measure(clients: number, warmUpMs: number, measureMs: number): Promise<Measured> {
    return this.process.call({ type: 'measure', clients, warmUpMs, measureMs }) as Promise<Measured>
  }

  async grant(clients: number, count: number): Promise<void> {
    await this.process.call({ type: 'grant', clients, count })
  }

  async startLoad(clients: number): Promise<void> {
    await this.process.call({ type: 'start', clients })
  }

  async watch(server: number): Promise<void> {
    await this.process.call({ type: 'watch', server })
  }

  recovered(): Promise<Recovery> {
    const late = new Promise<never>((_, reject) => {
      const failure = new BenchFailure(`no grant within ${RECOVERED_WITHIN_MS} ms`)
      setTimeout(() => reject(failure), RECOVERED_WITHIN_MS).unref()
    })
    return Promise.race([this.process.call({ type: 'recovered' }) as Promise<Recovery>, late])
  }

  async stopLoad(): Promise<void> {
    await this.process.call({ type: 'stop' })
  }

  async end(): Promise<void> {
    await this.process.end()
  }
}
