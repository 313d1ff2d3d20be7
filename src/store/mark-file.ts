/**
 * The high-water mark in a file of its own, beside the database: the number of the last acknowledged batch.
 *
 * Writing it must delay nobody, so it follows the acknowledgement: within some milliseconds into the operating system, and
 * onto the disk by a loop of its own that syncs what came together. A lost write or sync only makes the mark older, which is
 * harmless in itself. (Writing at each acknowledgement was measured: synchronously it waits a millisecond for the file
 * system's journal while the database is being synced, and by a thread it wakes two threads after each commit.)
 *
 * Three slots, each in a block of its own. While one is being synced, the next acknowledgements go into another, and the
 * third holds the last value that was synced: no torn write can reach it, so a value survives every crash. Each slot
 * holds its number twice: one flipped byte in the newest slot must not make an older one count, because another one may
 * have hit the last batch of the database. (A single slot that is rewritten could be torn; two slots would leave no
 * place to write to while one is synced.)
 */
import { type FileHandle, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { CodedError, LIMITS } from '../base/index.ts'
import type { HighWaterMark } from './engine.ts'
import { corrupt } from './record.ts'

const SLOTS = 3
/** The largest unit that a disk writes, and so tears. */
const SLOT_BYTES = 4096
const MAGIC = Buffer.from('populi~1')
/** magic (8) · number (8) · CRC-32 of both (4) · 12 unused */
const COPY_BYTES = 32
const COPIES = 2

interface MarkContents {
  /** The highest number of the slots; `undefined` when none can be read. */
  readonly count: number | undefined
  /** Copies that cannot be read. A crash can leave one slot of them. */
  readonly damage: readonly string[]
}

/** The mark of the database in the folder `path` lies beside it: what happens to one does not happen to the other. */
export const markPath = (path: string): string => `${path}.mark`

/** @returns `undefined` when there is no such file. @throws CodedError `store.corrupt` when it cannot be read. */
export async function readMarkFile(path: string): Promise<MarkContents | undefined> {
  let file: Buffer
  try {
    file = await readFile(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw corrupt(path, 'the high-water mark, which cannot be read', cause)
  }
  const damage: string[] = []
  let count: number | undefined
  for (let slot = 0; slot < SLOTS; slot += 1)
    for (let copy = 0; copy < COPIES; copy += 1) {
      const at = slot * SLOT_BYTES + copy * COPY_BYTES
      const number = numberIn(file.subarray(at, at + COPY_BYTES))
      if (number === undefined) damage.push(`copy ${copy + 1} of slot ${slot + 1}`)
      else count = Math.max(count ?? 0, number)
    }
  return { count, damage }
}

/**
 * Opens the mark of the database in the folder `path`.
 * @throws CodedError `store.corrupt` when there is a mark and it says nothing.
 */
export async function openMarkFile(path: string): Promise<MarkFile> {
  const contents = await readMarkFile(markPath(path))
  if (contents !== undefined && contents.count === undefined)
    throw corrupt(markPath(path), 'the high-water mark: none of its slots can be read')
  return new MarkFile(markPath(path), contents?.count)
}

export class MarkFile implements HighWaterMark {
  readonly found: number | undefined
  failure: CodedError | undefined
  private readonly path: string
  private file: FileHandle | undefined
  /** The slot that acknowledgements go into now. */
  private slot = 0
  private newest = 0
  private written = 0
  private synced = 0
  private isWriting = false
  private writeTimer: NodeJS.Timeout | undefined
  private isSyncing = false
  private endPause: (() => void) | undefined
  /** Resolved when there is nothing left to do. */
  private settled: PromiseWithResolvers<void> | undefined

  constructor(path: string, found: number | undefined) {
    this.path = path
    this.found = found
  }

  /** All slots at once, under another name first: the mark is there as a whole, and sound, or it is the old one. */
  async start(batch: number): Promise<void> {
    const fresh = `${this.path}.new`
    const slot = Buffer.alloc(SLOT_BYTES)
    slot.set(slotOf(batch))
    try {
      this.file = await open(fresh, 'w', 0o600)
      await this.file.write(Buffer.concat([slot, slot, slot]))
      await this.file.sync()
      await rename(fresh, this.path)
      await syncFolder(dirname(this.path))
    } catch (cause) {
      throw this.writeFailed(cause)
    }
    this.newest = this.written = this.synced = batch
  }

  advance(batch: number): void {
    this.newest = batch
    this.writeSoon()
  }

  private writeSoon(): void {
    if (this.writeTimer !== undefined || this.isWriting) return
    this.writeTimer = setTimeout(() => {
      this.writeTimer = undefined
      this.proceed()
    }, LIMITS.storeMarkWritePauseMs)
    this.writeTimer.unref()
  }

  /** Resolves when the newest number is on the disk and the file is closed. */
  async close(): Promise<void> {
    if (this.failure === undefined && this.newest > this.synced) {
      this.settled = Promise.withResolvers()
      this.endPause?.()
      clearTimeout(this.writeTimer)
      this.writeTimer = undefined
      this.proceed()
      await this.settled.promise
    }
    const { file } = this
    this.file = undefined
    await file?.close()
  }

  /** Starts what is due: at most one write and one sync are under way, never in the same slot. */
  private proceed(): void {
    const { file } = this
    if (file === undefined || this.failure !== undefined) return
    if (!this.isWriting && !this.isSyncing && this.written > this.synced) void this.sync(file)
    if (!this.isWriting && this.written < this.newest && this.writeTimer === undefined) void this.write(file)
    if (this.synced === this.newest) this.settled?.resolve()
  }

  private async write(file: FileHandle): Promise<void> {
    const batch = this.newest
    const bytes = slotOf(batch)
    this.isWriting = true
    try {
      await file.write(bytes, 0, bytes.length, this.slot * SLOT_BYTES)
      this.written = batch
    } catch (cause) {
      this.fail(cause)
    }
    this.isWriting = false
    if (this.settled === undefined && this.written < this.newest) this.writeSoon()
    this.proceed()
  }

  private async sync(file: FileHandle): Promise<void> {
    const batch = this.written
    this.slot = (this.slot + 1) % SLOTS
    this.isSyncing = true
    try {
      await file.datasync()
      this.synced = batch
    } catch (cause) {
      this.fail(cause)
    }
    if (this.settled === undefined) await this.pause()
    this.isSyncing = false
    this.proceed()
  }

  /** Until the next sync is due, or the file is being closed. */
  private async pause(): Promise<void> {
    const due = Promise.withResolvers<void>()
    const timer = setTimeout(due.resolve, LIMITS.storeMarkSyncPauseMs)
    timer.unref()
    this.endPause = due.resolve
    await due.promise
    clearTimeout(timer)
  }

  private fail(cause: unknown): void {
    this.failure ??= this.writeFailed(cause)
    this.settled?.resolve()
  }

  private writeFailed(cause: unknown): CodedError {
    const reason = cause instanceof Error ? cause.message : String(cause)
    return new CodedError('store.write_failed', { path: this.path, reason }, { cause })
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function slotOf(batch: number): Buffer {
  const copy = Buffer.alloc(COPY_BYTES)
  copy.set(MAGIC)
  copy.writeBigUInt64BE(BigInt(batch), MAGIC.length)
  copy.writeUInt32BE(crc32(copy.subarray(0, 16)), 16)
  return Buffer.concat([copy, copy])
}

function numberIn(copy: Buffer): number | undefined {
  if (copy.length < COPY_BYTES || !copy.subarray(0, MAGIC.length).equals(MAGIC)) return undefined
  if (crc32(copy.subarray(0, 16)) !== copy.readUInt32BE(16)) return undefined
  const batch = copy.readBigUInt64BE(MAGIC.length)
  return batch <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(batch) : undefined
}
