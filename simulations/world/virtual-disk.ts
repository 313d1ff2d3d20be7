/**
 * The disk of one machine: the store's own `MemoryDisk`, with the time that a synced write takes and with what can go wrong.
 * Everything that the simulator knows of the store's fault interface is in this file.
 */
import { CodedError, type Random } from '../../src/base/index.ts'
import { MemoryDisk, type NodeStores, openMemoryStores } from '../../src/store/index.ts'
import type { EventQueue } from './event-queue.ts'

export interface DiskQuality {
  /** Of one synced write. */
  readonly writeMsMin: number
  readonly writeMsMax: number
  /** Part of the writes that take up to `SPIKE_TIMES` as long. */
  readonly spikePart: number
}

const SPIKE_TIMES = 30
/** How often a stalled write looks whether the stall is over. */
const STALL_LOOK_MS = 100

type Operations = Parameters<NonNullable<MemoryDisk['beforeWrite']>>[0]

export class VirtualDisk {
  private readonly queue: EventQueue
  private readonly random: Random
  private readonly quality: DiskQuality
  private disk: MemoryDisk
  private readonly path: string
  /** Rises with each crash: what was under way before it never comes back to whoever waited. */
  private generation = 0
  private underway: Operations | undefined
  private stalledUntilMs = 0
  private readonly slow = new Set<{ readonly times: number }>()
  /** Ends the write under way, if it may. */
  private finish: (() => void) | undefined
  private failing: string | undefined

  constructor(queue: EventQueue, random: Random, quality: DiskQuality, path: string) {
    this.queue = queue
    this.random = random
    this.quality = quality
    this.path = path
    this.disk = this.blank()
  }

  /** For a process that starts. @throws CodedError as a real store does. */
  open(): Promise<NodeStores> {
    return openMemoryStores(this.disk, { create: false })
  }

  /** What `populi init` or `join` does, before the world begins to move: writes take no time. */
  async prepare(write: (stores: NodeStores) => Promise<void>): Promise<void> {
    this.disk.beforeWrite = undefined
    const stores = await openMemoryStores(this.disk, { create: true })
    await write(stores)
    await stores.close()
    this.disk.beforeWrite = (operations) => this.write(operations)
  }

  /** The process is gone, or the power: the batch under way is on the disk as a whole, or not at all. */
  crash(): 'kept' | 'lost' | 'idle' {
    const { underway } = this
    this.generation += 1
    this.underway = undefined
    this.failing = undefined
    const fate = underway === undefined ? 'idle' : this.random.float() < 0.5 ? 'kept' : 'lost'
    if (fate === 'kept') this.keep(underway ?? [])
    this.disk.crash()
    return fate
  }

  /** Everything on it is gone. */
  wipe(): void {
    this.crash()
    this.disk = this.blank()
  }

  /** Nothing is written for `ms`. */
  stall(ms: number): void {
    this.stalledUntilMs = Math.max(this.stalledUntilMs, this.queue.nowMs + ms)
  }

  /** Writes take `times` as long until the returned function is called; of several, the worst counts. */
  slowDown(times: number): () => void {
    const slowness = { times }
    this.slow.add(slowness)
    return () => this.slow.delete(slowness)
  }

  /** The next write fails, and so does every other one until the process is gone. */
  fail(reason: string): void {
    this.failing = reason
  }

  /** Whatever was wrong with it, new writes reach it. */
  heal(): void {
    this.failing = undefined
    this.stalledUntilMs = 0
    this.queue.after(0, () => this.finish?.())
  }

  private blank(): MemoryDisk {
    const disk = new MemoryDisk(this.path)
    disk.beforeWrite = (operations) => this.write(operations)
    return disk
  }

  private write(operations: Operations): Promise<void> {
    const { generation } = this
    this.underway = operations
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        if (generation !== this.generation || this.finish !== finish) return
        const stallMs = this.stalledUntilMs - this.queue.nowMs
        if (stallMs > 0) return void this.queue.after(Math.min(stallMs, STALL_LOOK_MS), finish)
        this.underway = undefined
        this.finish = undefined
        if (this.failing === undefined) resolve()
        else reject(new CodedError('store.write_failed', { path: this.path, reason: this.failing }))
      }
      this.finish = finish
      this.queue.after(this.writeMs(), finish)
    })
  }

  private writeMs(): number {
    const { writeMsMin, writeMsMax, spikePart } = this.quality
    const usual = writeMsMin + this.random.float() * (writeMsMax - writeMsMin)
    const spike = this.random.float() < spikePart ? 1 + this.random.float() * (SPIKE_TIMES - 1) : 1
    return usual * spike * Math.max(1, ...[...this.slow].map(({ times }) => times))
  }

  private keep(operations: Operations): void {
    for (const operation of operations) {
      const key = Buffer.from(operation.key).toString('latin1')
      if (operation.type === 'put') this.disk.records.set(key, operation.value.slice())
      else this.disk.records.delete(key)
    }
  }
}
