/**
 * The load: clients that each take an exclusive right, give it back, and begin again, with nothing in between. Only grants are counted;
 * giving back is part of the work, so that there is never more than one right per client.
 */
import { BenchFailure } from './bench-failure.ts'
import type { LockService } from './lock-service.ts'
import { percentile, rounded } from './stats.ts'

export interface Measured {
  readonly grantsPerSecond: number
  /** From the call to the committed answer. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface Recovery {
  readonly lostAtMs: number
  readonly grantedAtMs: number
}

/** A round is made longer by so many times its length until something was granted. */
const STALLED_ROUNDS_MAX = 10

/** The same clock in all processes of the machine. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6

type Wait = (ms: number) => Promise<void>

export class Load {
  private readonly service: LockService
  private readonly wait: Wait
  private readonly clients: Promise<void>[] = []
  private stopping = false
  private onGrant: (latencyMs: number) => void = () => undefined
  private recovery: Promise<Recovery> | undefined

  constructor(service: LockService, wait: Wait = waitMs) {
    this.service = service
    this.wait = wait
  }

  /** @throws BenchFailure when nothing was granted; what made a client fail. */
  async measure(clients: number, warmUpMs: number, measureMs: number): Promise<Measured> {
    const latencies: number[] = []
    this.start(clients)
    await this.wait(warmUpMs)
    const from = performance.now()
    this.onGrant = (latencyMs) => latencies.push(latencyMs)
    await this.wait(measureMs)
    // A disk that stands still for a second makes a slow round, and no failed one.
    for (let longer = 0; longer < STALLED_ROUNDS_MAX && latencies.length === 0; longer++)
      await this.wait(measureMs)
    this.onGrant = () => undefined
    const elapsedMs = performance.now() - from
    await this.stop()
    if (latencies.length === 0)
      throw new BenchFailure(`no grant within ${measureMs * (1 + STALLED_ROUNDS_MAX)} ms`)
    return {
      grantsPerSecond: rounded(latencies.length / (elapsedMs / 1000), 1),
      p50Ms: rounded(percentile(latencies, 0.5), 3),
      p99Ms: rounded(percentile(latencies, 0.99), 3),
      maxMs: rounded(percentile(latencies, 1), 3),
    }
  }

  /** Resolves when `count` more grants were made. */
  async grant(clients: number, count: number): Promise<void> {
    let left = count
    this.onGrant = () => {
      left -= 1
      if (left <= 0) this.stopping = true
    }
    this.start(clients)
    await this.ended()
    this.onGrant = () => undefined
  }

  start(clients: number): void {
    this.stopping = false
    for (let client = 0; client < clients; client += 1) this.clients.push(this.run(`bench/${client}`))
  }

  /** @throws what made a client fail. */
  async stop(): Promise<void> {
    this.stopping = true
    await this.ended()
  }

  /** Begins to watch for the loss of this server and the first grant after it. */
  watch(server: number): void {
    this.recovery = this.recover(server)
  }

  recovered(): Promise<Recovery> {
    return this.recovery ?? Promise.reject(new BenchFailure('nothing is watched'))
  }

  private async ended(): Promise<void> {
    await Promise.all(this.clients.splice(0))
  }

  private async recover(server: number): Promise<Recovery> {
    await this.service.connectionLost(server)
    const lostAtMs = machineMs()
    await new Promise<void>((resolve) => {
      this.onGrant = () => resolve()
    })
    this.onGrant = () => undefined
    return { lostAtMs, grantedAtMs: machineMs() }
  }

  private async run(key: string): Promise<void> {
    while (!this.stopping) {
      const from = performance.now()
      const giveBack = await this.service.acquire(key)
      this.onGrant(performance.now() - from)
      await giveBack()
    }
  }
}

const waitMs: Wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
