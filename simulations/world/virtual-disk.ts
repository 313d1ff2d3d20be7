/**
 * The disk of one machine: the store's own `MemoryDisk`, with the time that a synced write takes and with what can go wrong.
 * Everything that the simulator knows of the store's fault interface is in this file.
 */
import { present, type Random } from '../../src/base/index.ts'
import { MemoryDisk, type NodeStores, openMemoryStores, rebuildMemoryStores } from '../../src/store/index.ts'
import type { EventQueue } from './event-queue.ts'

export interface DiskQuality {
  /** Of one synced write. */
  readonly writeMsMin: number
  readonly writeMsMax: number
  /** Part of the writes that take up to `SPIKE_TIMES` as long. */
  readonly spikePart: number
}

/**
 * What a disk can do to its records behind everybody's back. `torn`: of the batch under way only a part arrived; `lied`: the
 * newest batches, which it had acknowledged, are gone; `flipped`: one bit is another one; `emptied`: it was replaced.
 */
export type Damage = 'torn' | 'lied' | 'flipped' | 'emptied'

const SPIKE_TIMES = 30
/** Slower than this is not slow but stalled. */
const WRITE_MS_MAX = 3000
/** How often a stalled write looks whether the stall is over. */
const STALL_LOOK_MS = 100
/** Of a write of output that a crash interrupts: about what a task in a simulation prints. */
const OUTPUT_BYTES_KEPT_MAX = 200
/** Newest batches that a disk which lied about its cache may lose. */
const LOST_BATCHES_MAX = 3

type Kept = Parameters<typeof rebuildMemoryStores>[1]
const NOTHING_KEPT: Kept = { meta: new Map(), submitterJournal: new Map(), workerJournal: new Map() }

export class VirtualDisk {
  private readonly queue: EventQueue
  private readonly random: Random
  private readonly quality: DiskQuality
  private disk: MemoryDisk
  private readonly path: string
  /** Written since this disk was new, and not taken back. */
  private batches = 0
  /** Newest batches of which the mark does not know: a crash kept its newest number, or a batch that nobody had acknowledged. */
  private unmarked = 0
  private stalledUntilMs = 0
  private readonly slow = new Set<{ readonly times: number }>()
  /** Hands the end of a write to the process that waits for it: a process that is held up hears of it later. */
  tellProcess: (work: () => void) => void = (work) => work()
  /** Ends the write under way, if it may. Gone with a crash: whoever waited for it never hears of it. */
  private finish: (() => void) | undefined
  /** Of the power, or of the process. */
  private crashes = 0
  /** As it was before it was damaged: what `populi store rejoin` finds readable of it. */
  private undamaged: MemoryDisk | undefined

  constructor(queue: EventQueue, random: Random, quality: DiskQuality, path: string) {
    this.queue = queue
    this.random = random
    this.quality = quality
    this.path = path
    this.disk = this.blank()
  }

  /** For a process that starts. @throws CodedError as a real store does. */
  async open(): Promise<NodeStores> {
    const stores = await openMemoryStores(this.disk, { create: false })
    this.unmarked = 0
    return stores
  }

  /** What `populi init` or `join` does, before the world begins to move: writes take no time. */
  async prepare(write: (stores: NodeStores) => Promise<void>): Promise<void> {
    this.disk.beforeWrite = undefined
    for (const folder of Object.values(this.disk.outputs)) folder.beforeWrite = undefined
    const stores = await openMemoryStores(this.disk, { create: true })
    await write(stores)
    await stores.close()
    this.slowDownWrites(this.disk)
  }

  /** The process is gone, or the power: the batch under way is on the disk as a whole, or not at all. */
  crash(): string {
    const isWriting = this.disk.inFlightOperations > 0
    const inFlight = this.random.float() < 0.5 ? 'kept' : 'lost'
    const mark = this.random.float() < 0.5 ? 'kept' : 'behind'
    const outputBytes = this.random.float() < 0.5 ? this.random.integer(1, OUTPUT_BYTES_KEPT_MAX) : 0
    this.finish = undefined
    this.crashes += 1
    this.unmarked += (mark === 'behind' ? 1 : 0) + (isWriting && inFlight === 'kept' ? 1 : 0)
    this.disk.crash({ inFlight, mark, outputBytes })
    this.disk.setWrites('sound')
    return isWriting ? `${inFlight}, mark ${mark}` : `none, mark ${mark}`
  }

  /** The power goes, and the disk is not what it was. @returns what was done, for the timeline. */
  damage(damage: Damage): string {
    const operations = this.disk.inFlightOperations
    if (this.disk.records.size > 0) this.undamaged ??= copyOf(this.disk)
    this.finish = undefined
    this.crashes += 1
    if (damage === 'torn' && operations > 1) {
      const torn = this.random.integer(1, operations - 1)
      this.disk.crash({ inFlight: { torn } })
      return `${torn} of ${operations} operations of the batch under way`
    }
    this.disk.crash()
    this.disk.setWrites('sound')
    switch (damage) {
      case 'torn':
        return 'nothing was being written'
      case 'lied': {
        // What a crash kept from the mark, and that alone, nobody can miss afterwards (ADR 0004): two faults in one
        // moment, against which nothing is promised.
        const { unmarked } = this
        const count = Math.min(this.batches, this.random.integer(unmarked + 1, LOST_BATCHES_MAX + unmarked))
        if (count <= unmarked) return 'nothing that was marked was on it'
        this.unmarked = 0
        this.disk.loseBatches(count)
        this.batches -= count
        return `${count} acknowledged batches are gone`
      }
      case 'flipped': {
        if (this.disk.bits === 0) return 'nothing was on it'
        const at = this.random.integer(0, this.disk.bits - 1)
        this.disk.flipBit(at)
        return `bit ${at}`
      }
      case 'emptied':
        this.disk = this.blank()
        this.batches = 0
        this.undamaged = undefined
        return 'all of it'
    }
  }

  /** The damage did no harm: the store was opened all the same. */
  isSound(): void {
    this.undamaged = undefined
  }

  /** `populi store rejoin`: a new store, with the journals that could be read, that begins anew. */
  async rebuild(): Promise<void> {
    const kept = this.undamaged === undefined ? NOTHING_KEPT : await keptOf(this.undamaged)
    this.undamaged = undefined
    const { outputs } = this.disk
    this.disk = new MemoryDisk(this.path)
    this.batches = 0
    await rebuildMemoryStores(this.disk, kept)
    // They lie beside the database, where they were.
    for (const end of ['submitter', 'worker'] as const)
      for (const [name, content] of outputs[end].files) this.disk.outputs[end].files.set(name, content)
    this.slowDownWrites(this.disk)
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
  fail(how: 'failing' | 'full'): void {
    this.disk.setWrites(how)
  }

  /** Whatever was wrong with it, new writes reach it. */
  heal(): void {
    this.disk.setWrites('sound')
    this.stalledUntilMs = 0
    this.queue.after(0, () => this.finish?.())
  }

  private blank(): MemoryDisk {
    const disk = new MemoryDisk(this.path)
    this.slowDownWrites(disk)
    return disk
  }

  private slowDownWrites(disk: MemoryDisk): void {
    disk.beforeWrite = () => this.delay()
    for (const folder of Object.values(disk.outputs)) folder.beforeWrite = () => this.delayOutput()
  }

  /** Files of output are many: each write takes its own time, and after a crash nobody hears of it. */
  private delayOutput(): Promise<void> {
    const { crashes } = this
    return new Promise((resolve) => {
      const finish = (): void => {
        if (this.crashes !== crashes) return
        const stallMs = this.stalledUntilMs - this.queue.nowMs
        if (stallMs > 0) this.queue.after(Math.min(stallMs, STALL_LOOK_MS), finish)
        else this.tellProcess(resolve)
      }
      this.queue.after(this.writeMs(), finish)
    })
  }

  private delay(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (): void => {
        if (this.finish !== finish) return
        const stallMs = this.stalledUntilMs - this.queue.nowMs
        if (stallMs > 0) return void this.queue.after(Math.min(stallMs, STALL_LOOK_MS), finish)
        this.finish = undefined
        this.batches += 1
        this.tellProcess(resolve)
      }
      this.finish = finish
      this.queue.after(this.writeMs(), finish)
    })
  }

  private writeMs(): number {
    const { writeMsMin, writeMsMax, spikePart } = this.quality
    const usual = writeMsMin + this.random.float() * (writeMsMax - writeMsMin)
    const spike = this.random.float() < spikePart ? 1 + this.random.float() * (SPIKE_TIMES - 1) : 1
    return Math.min(WRITE_MS_MAX, usual * spike * Math.max(1, ...[...this.slow].map(({ times }) => times)))
  }
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk(disk.path)
  for (const [key, value] of disk.records) copy.records.set(key, value.slice())
  copy.mark = disk.mark
  return copy
}

async function keptOf(disk: MemoryDisk): Promise<Kept> {
  const stores = await openMemoryStores(disk, { create: false })
  const read = async (journal: NodeStores['submitterJournal']) =>
    new Map((await journal.load()).map(({ key, value }) => [key, present(value, 'a stored value')]))
  return {
    meta: new Map(),
    submitterJournal: await read(stores.submitterJournal),
    workerJournal: await read(stores.workerJournal),
  }
}
