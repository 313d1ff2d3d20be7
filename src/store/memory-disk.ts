/**
 * A disk in memory that outlives the handles on it, as a real one outlives processes. For simulations and tests: it does
 * what it is told to, at the moment it is told to, and nothing by chance. There are no timers in it; a write takes
 * microtasks unless `beforeWrite` or a stall holds it.
 *
 * Beside the records it has the files of the output logs (`memory-files.ts`), to which the same happens.
 *
 * What can be told: a crash that loses, keeps or tears the batch under way; a stall; failing writes and reads; a full disk;
 * a flipped bit; newest batches that vanish although they were acknowledged.
 */
import { assert, CodedError, present } from '../base/index.ts'
import type { Engine, HighWaterMark, Operation, Visitor } from './engine.ts'
import { MemoryFolder } from './memory-files.ts'
import { corrupt } from './record.ts'

/** What becomes of a batch under way when the power goes. `torn`: only so many of its operations reached the disk. */
type BatchFate = 'lost' | 'kept' | { readonly torn: number }

interface Crash {
  readonly inFlight?: BatchFate
  /** `behind`: the mark of the last acknowledged batch was not synced yet. */
  readonly mark?: 'kept' | 'behind'
  /** Of each write of output under way, so many bytes reached the disk; without it: none. */
  readonly outputBytes?: number
}

/** How writes end: on the disk; not before the disk works again; with EIO; with ENOSPC. */
type WriteBehaviour = 'sound' | 'stalled' | 'failing' | 'full'

/** Newest batches that can still be taken back. */
const UNDO_BATCHES_MAX = 64

/** What a key held before a batch. */
type Undo = Map<string, Uint8Array | undefined>

export class MemoryDisk {
  /** Stands for the path in errors. */
  readonly path: string
  /** What is on the disk, by the key's bytes as Latin-1 text. Open to damage. */
  readonly records = new Map<string, Uint8Array>()
  /** The high-water mark; `undefined` when it is missing. Open to damage. */
  mark: number | undefined
  /** Of each end of a task, its output. */
  readonly outputs = { submitter: new MemoryFolder(this), worker: new MemoryFolder(this) }
  /** While `false` every read fails with EIO. */
  isReadable = true
  /** Sees each batch before it reaches the disk: waiting delays it, throwing fails it. */
  beforeWrite: ((operations: readonly Operation[]) => Promise<void>) | undefined
  private writes: WriteBehaviour = 'sound'
  /** Resolved when writes behave otherwise, or the power went. */
  private changed = Promise.withResolvers<void>()
  private holder: MemoryEngine | undefined
  /** Not acknowledged: under way, or failed and perhaps on the disk all the same. */
  private undecided: readonly Operation[] = []
  private readonly undo: Undo[] = []
  private markBefore: number | undefined

  constructor(path = 'memory') {
    this.path = path
  }

  /** @throws CodedError `store.in_use` while another handle is open. */
  open(): Engine {
    if (this.holder !== undefined) throw new CodedError('store.in_use', { path: this.path })
    this.holder = new MemoryEngine(this)
    return this.holder
  }

  /** From now on, for the batch under way too. */
  setWrites(behaviour: WriteBehaviour): void {
    this.writes = behaviour
    this.wake()
  }

  /** Operations of the batch that is not acknowledged yet; 0 when there is none. A torn one keeps fewer. */
  get inFlightOperations(): number {
    return this.undecided.length
  }

  /** The power goes: the open handle is dead, its writes fail. A batch that had failed before may be kept as well. */
  crash({ inFlight = 'lost', mark = 'kept', outputBytes = 0 }: Crash = {}): void {
    const kept = inFlight === 'kept' ? this.undecided.length : inFlight === 'lost' ? 0 : inFlight.torn
    assert(kept <= this.undecided.length, 'a torn batch keeps some of its operations')
    if (kept > 0) this.apply(this.undecided.slice(0, kept))
    if (mark === 'behind') this.mark = this.markBefore
    for (const folder of Object.values(this.outputs)) folder.crash(outputBytes)
    this.release()
  }

  /** Takes the newest batches back, with their ledgers and without their mark, as a disk that lied about its cache. */
  loseBatches(count: number): void {
    assert(this.holder === undefined, 'batches vanish while nobody looks')
    for (let lost = 0; lost < count; lost += 1)
      for (const [key, value] of present(this.undo.pop(), 'batch that can be taken back'))
        if (value === undefined) this.records.delete(key)
        else this.records.set(key, value)
  }

  /** Number of bits in all records. */
  get bits(): number {
    let bytes = 0
    for (const value of this.records.values()) bytes += value.length
    return bytes * 8
  }

  /** Silently flips bit `at` of all `bits`. */
  flipBit(at: number): void {
    let byte = Math.floor(at / 8)
    for (const [key, value] of this.records) {
      if (byte < value.length) {
        const flipped = value.slice()
        flipped[byte] = present(flipped[byte], 'byte') ^ (1 << (at % 8))
        this.records.set(key, flipped)
        return
      }
      byte -= value.length
    }
    assert(false, 'the bit is on the disk')
  }

  /** For the open handle only. */
  isHeldBy(engine: MemoryEngine): boolean {
    return this.holder === engine
  }

  /** For the open handle only. */
  async write(engine: MemoryEngine, operations: readonly Operation[]): Promise<void> {
    this.undecided = operations
    await this.beforeWrite?.(operations)
    await this.letWrite(() => this.isHeldBy(engine))
    this.apply(operations)
    this.undecided = []
  }

  /**
   * For whoever writes: how the disk behaves. `isAlive`: the power has not gone since.
   * @throws CodedError `store.write_failed`
   */
  async letWrite(isAlive: () => boolean): Promise<void> {
    while (this.writes === 'stalled' && isAlive()) await this.changed.promise
    if (!isAlive()) throw this.writeFailed('the disk lost power')
    if (this.writes === 'failing') throw this.writeFailed('EIO: i/o error, fdatasync')
    if (this.writes === 'full') throw this.writeFailed('ENOSPC: no space left on device, write')
  }

  /** For the open handle only. */
  discard(engine: MemoryEngine, from: string, to: string): void {
    if (!this.isHeldBy(engine)) return
    const undo = this.undo.at(-1)
    for (const [key, value] of this.records) {
      if (key < from || key > to) continue
      if (undo?.has(key) === false) undo.set(key, value)
      this.records.delete(key)
    }
  }

  /** For the open handle only. */
  acknowledge(batch: number): void {
    this.markBefore = this.mark
    this.mark = batch
  }

  /** The open handle is gone. */
  release(): void {
    this.holder = undefined
    this.undecided = []
    this.wake()
  }

  private writeFailed(reason: string): CodedError {
    return new CodedError('store.write_failed', { path: this.path, reason })
  }

  private apply(operations: readonly Operation[]): void {
    const undo = new Map<string, Uint8Array | undefined>()
    for (const operation of operations) {
      const key = keyText(operation.key)
      if (!undo.has(key)) undo.set(key, this.records.get(key))
      // Values are copied: a disk shares no memory. (`slice` of a Buffer would not copy.)
      if (operation.type === 'put') this.records.set(key, new Uint8Array(operation.value))
      else this.records.delete(key)
    }
    this.undo.push(undo)
    if (this.undo.length > UNDO_BATCHES_MAX) this.undo.shift()
  }

  private wake(): void {
    this.changed.resolve()
    this.changed = Promise.withResolvers()
  }
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

class MemoryEngine implements Engine {
  readonly mark: HighWaterMark
  private readonly disk: MemoryDisk

  constructor(disk: MemoryDisk) {
    this.disk = disk
    this.mark = new MemoryMark(disk, this)
  }

  get path(): string {
    return this.disk.path
  }

  async scan(prefix: number, visit: Visitor): Promise<void> {
    assert(this.disk.isHeldBy(this), 'a closed store was read')
    if (!this.disk.isReadable) throw corrupt(this.path, 'EIO: i/o error, read')
    // Latin-1 text compares like the bytes that it stands for.
    const records = [...this.disk.records].filter(([key]) => key.charCodeAt(0) === prefix)
    records.sort(([left], [right]) => (left < right ? -1 : 1))
    for (const [key, value] of records) visit(Buffer.from(key, 'latin1'), value.slice())
  }

  async write(operations: readonly Operation[]): Promise<void> {
    try {
      await this.disk.write(this, operations)
    } catch (cause) {
      if (cause instanceof CodedError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new CodedError('store.write_failed', { path: this.path, reason }, { cause })
    }
  }

  discard(from: Uint8Array, to: Uint8Array): void {
    this.disk.discard(this, keyText(from), keyText(to))
  }

  async close(): Promise<void> {
    if (this.disk.isHeldBy(this)) this.disk.release()
  }
}

class MemoryMark implements HighWaterMark {
  readonly found: number | undefined
  readonly failure = undefined
  private readonly disk: MemoryDisk
  private readonly engine: MemoryEngine

  constructor(disk: MemoryDisk, engine: MemoryEngine) {
    this.disk = disk
    this.engine = engine
    this.found = disk.mark
  }

  async start(batch: number): Promise<void> {
    this.disk.acknowledge(batch)
  }

  advance(batch: number): void {
    if (this.disk.isHeldBy(this.engine)) this.disk.acknowledge(batch)
  }
}
