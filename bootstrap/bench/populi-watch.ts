/** Our side of `bench detect`: real nodes, whose events are followed as `populi events --follow` does. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ControlClient } from '../../src/node/control/index.ts'
import type { WatchGroup } from './detect.ts'
import { PopuliCluster } from './populi-cluster.ts'

/** A node that was killed is listened to again soon after it is back. */
const FOLLOW_AGAIN_MS = 100

export class PopuliWatch implements WatchGroup {
  readonly name = 'populi'
  readonly version: string
  readonly size: number
  private readonly cluster: PopuliCluster
  private readonly ended = new AbortController()
  private tellLost: (observer: number, lost: number) => void = () => undefined

  constructor(folder: string, size: number) {
    this.cluster = new PopuliCluster(folder, size)
    this.version = this.cluster.version
    this.size = size
  }

  async start(): Promise<void> {
    await this.cluster.start()
    for (const [observer, { dataDir }] of this.cluster.nodes.entries()) void this.follow(observer, dataDir)
  }

  onLost(handler: (observer: number, lost: number) => void): void {
    this.tellLost = handler
  }

  kill(member: number): Promise<void> {
    return this.cluster.kill(member)
  }

  revive(member: number): Promise<void> {
    return this.cluster.revive(member)
  }

  pause(member: number): void {
    process.kill(this.pid(member), 'SIGSTOP')
  }

  async resume(member: number): Promise<void> {
    process.kill(this.pid(member), 'SIGCONT')
  }

  whole(): Promise<void> {
    return this.cluster.healthy()
  }

  async end(): Promise<void> {
    this.ended.abort()
    await this.cluster.end()
  }

  private pid(member: number): number {
    return this.cluster.pids()[member] ?? 0
  }

  private async follow(observer: number, dataDir: string): Promise<void> {
    const query = { kinds: ['member'], node: undefined, sinceUnixMs: undefined, limit: 0 } as const
    const { signal } = this.ended
    while (!signal.aborted) {
      try {
        await new ControlClient(dataDir).followEvents(
          query,
          async (notice) => {
            if (notice.type !== 'event' || notice.event.type !== 'member:dead') return
            const lost = this.cluster.nodes.findIndex(({ name }) => name === notice.event.node)
            if (lost >= 0) this.tellLost(observer, lost)
          },
          signal,
        )
      } catch {
        // It was killed, or is not up yet.
      }
      await sleep(FOLLOW_AGAIN_MS)
    }
  }
}
