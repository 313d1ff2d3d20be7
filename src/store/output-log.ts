/**
 * The output of one task: a row of segment files, each named by the offset of its first byte. What is appended while a write is
 * under way goes into the next one together, with one sync. The oldest segment goes when the log is at its bound, or when nobody
 * needs it any more; so nothing is ever rewritten.
 *
 * The order of the files is the only index. A reader goes on where it stopped (the log remembers the place); one that begins
 * anywhere else passes over the headers of one segment. A sound file ends where the next one begins; a frame that cannot be read
 * costs the rest of its segment, and the reader sees the gap, for pieces carry their offsets.
 *
 * After a failed write nobody knows what is behind the last sound byte: it is cut off before the next write. So a full disk
 * costs the appends that found it full, and the log goes on when there is room.
 */
import { CodedError, LIMITS, present } from '../base/index.ts'
import type { OutputLog, OutputPiece } from '../task/index.ts'
import type { OutputFiles } from './output-files.ts'
import { decodeFrame, encodeFrames, FRAME_HEADER_BYTES, type Printed } from './output-frames.ts'

export interface Segment {
  readonly name: string
  /** Offset of its first byte. */
  readonly begin: number
  /** Of the file, as far as it is known to be sound. */
  bytes: number
}

export interface OutputBounds {
  /** Of one log, in files. */
  readonly logBytesMax: number
  /** Of all logs, in files. */
  readonly logsBytesMax: number
  /** A file of this size gets no more. */
  readonly segmentBytes: number
}

interface SegmentedLogInit {
  readonly files: OutputFiles
  readonly bounds: OutputBounds
  readonly nameOf: (begin: number) => string
  /** Oldest first. */
  readonly found: Segment[]
  /** The files of this log take so many bytes more (or fewer) than before. */
  readonly grown: (bytes: number) => void
  /** A file that is not needed any more could not be removed. */
  readonly onTrouble: (error: unknown) => void
}

interface Waiting extends Printed {
  readonly settle: PromiseWithResolvers<void>
}

/** Where readers stopped that may come back. */
const PLACES_KEPT = 8

export class SegmentedLog implements OutputLog {
  private readonly init: SegmentedLogInit
  /** Oldest first; none before the first append. */
  private readonly segments: Segment[]
  private written = 0
  private waiting: Waiting[] = []
  private waitingBytes = 0
  private draining: Promise<void> | undefined
  /** Behind the sound bytes of the newest segment may be others. */
  private isTorn = false
  private isRemoved = false
  /** Writes, and what else must not meet one. */
  private turn: Promise<void> = Promise.resolve()
  /** Of frames at which somebody stopped, by their offset. */
  private readonly places = new Map<number, { readonly segment: Segment; readonly at: number }>()
  private opened: Promise<void> | undefined

  constructor(init: SegmentedLogInit) {
    this.init = init
    this.segments = init.found
  }

  get begin(): number {
    return this.segments[0]?.begin ?? this.written
  }

  /** What is on the disk; appends under way are not counted yet. */
  get end(): number {
    return this.written
  }

  get isEmpty(): boolean {
    return this.segments.length === 0
  }

  /** Finds the end: reads the newest segment, and leaves behind what a crash tore. @throws CodedError `store.unreadable` */
  ready(): Promise<void> {
    this.opened ??= this.findEnd().catch((thrown: unknown) => {
      this.opened = undefined
      throw thrown
    })
    return this.opened
  }

  append(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void> {
    const settle = Promise.withResolvers<void>()
    const bytes = this.waitingBytes + chunk.length
    const max = LIMITS.storeQueueBytesMax
    if (this.isRemoved) settle.reject(removed())
    else if (bytes > max)
      settle.reject(
        new CodedError('limit.exceeded', { what: 'output waiting for the disk', got: bytes, max }),
      )
    else {
      this.waitingBytes = bytes
      this.waiting.push({ stream, chunk, settle })
      this.draining ??= this.drain()
    }
    return settle.promise
  }

  async read(from: number, bytesMax: number): Promise<readonly OutputPiece[]> {
    const pieces: OutputPiece[] = []
    let at = Math.max(from, this.begin)
    let room = bytesMax
    while (room > 0 && at < this.written) {
      const next = this.segments.findIndex(({ begin }) => begin > at)
      const segment = this.segments.at(next === -1 ? -1 : next - 1)
      // Everything before the oldest segment went while we read.
      if (segment === undefined || segment.begin > at) {
        at = Math.max(at, this.begin)
        continue
      }
      const end = next === -1 ? this.written : present(this.segments[next], 'next segment').begin
      const found = await this.readSegment(segment, at, end, room)
      for (const piece of found) room -= piece.chunk.length
      pieces.push(...found)
      const last = found.at(-1)
      if (last !== undefined) at = last.offset + last.chunk.length
      else if (next !== -1 || !this.segments.includes(segment)) at = end
      else throw new CodedError('store.corrupt', { path: this.init.files.path, what: segment.name })
    }
    return pieces
  }

  async trim(before: number): Promise<void> {
    while (this.segments.length > 1 && present(this.segments[1], 'second segment').begin <= before)
      await this.dropOldest()
  }

  /**
   * Lets the oldest segment go. The only one goes as well, unless it is empty: an empty one takes its place, which remembers where
   * the log ends. @returns whether there was one.
   */
  async free(): Promise<boolean> {
    if (this.segments.length > 1) {
      await this.dropOldest()
      return true
    }
    await this.ready()
    return await this.exclusively(async () => {
      if (this.segments.length !== 1 || this.written === this.begin) return false
      const { name } = await this.addSegment()
      await this.init.files.write(name, 0, [])
      await this.dropOldest()
      return true
    })
  }

  /** Removes all of it. What still waits to be written is refused. */
  async remove(): Promise<void> {
    this.isRemoved = true
    this.refuse(this.waiting, removed())
    await this.exclusively(async () => {
      while (this.segments.length > 0) await this.dropOldest()
    })
  }

  /** Resolves when nothing is being written or waits for it. */
  async settled(): Promise<void> {
    while (this.draining !== undefined) await this.draining
    await this.turn
  }

  private async drain(): Promise<void> {
    // What else is appended in this turn goes into the same write.
    await Promise.resolve()
    while (this.waiting.length > 0) await this.exclusively(() => this.writeGroup())
    this.draining = undefined
  }

  private async writeGroup(): Promise<void> {
    const group = this.takeGroup()
    try {
      await this.ready()
      if (group.length > 0) await this.write(group)
      for (const { settle } of group) settle.resolve()
    } catch (thrown) {
      // Those behind it must not come before it.
      this.refuse([...group, ...this.waiting], thrown)
    }
  }

  private takeGroup(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { chunk } of this.waiting) {
      if (count > 0 && bytes + chunk.length > LIMITS.outputWriteBytesMax) break
      bytes += chunk.length
      count += 1
    }
    this.waitingBytes -= bytes
    return this.waiting.splice(0, count)
  }

  private async write(group: readonly Waiting[]): Promise<void> {
    const parts = encodeFrames(group)
    const fileBytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (fileBytes === 0) return
    const { files, bounds, grown } = this.init
    let segment = this.segments.at(-1)
    if (segment !== undefined && this.isTorn) await files.truncate(segment.name, segment.bytes)
    this.isTorn = false
    if (segment === undefined || segment.bytes >= bounds.segmentBytes) segment = await this.addSegment()
    this.isTorn = true
    await files.write(segment.name, segment.bytes, parts)
    this.isTorn = false
    segment.bytes += fileBytes
    for (const { chunk } of group) this.written += chunk.length
    grown(fileBytes)
    while (this.fileBytes > bounds.logBytesMax && this.segments.length > 1) await this.dropOldest()
  }

  private get fileBytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  private async addSegment(): Promise<Segment> {
    const segment: Segment = { name: this.init.nameOf(this.written), begin: this.written, bytes: 0 }
    await this.init.files.create(segment.name)
    this.segments.push(segment)
    return segment
  }

  private async dropOldest(): Promise<void> {
    const oldest = this.segments.shift()
    if (oldest === undefined) return
    this.init.grown(-oldest.bytes)
    // It takes room until the next start, which finds it again.
    await this.init.files.remove(oldest.name).catch(this.init.onTrouble)
  }

  private refuse(refused: readonly Waiting[], why: unknown): void {
    this.waiting = []
    this.waitingBytes = 0
    for (const { settle } of refused) settle.reject(why)
  }

  private exclusively<Value>(work: () => Promise<Value>): Promise<Value> {
    const done = this.turn.then(work)
    this.turn = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  private async findEnd(): Promise<void> {
    const segment = this.segments.at(-1)
    if (segment === undefined) return
    const { begin, name, bytes: found } = segment
    let at = 0
    let end = begin
    for (;;) {
      const block = await this.init.files.read(name, at, LIMITS.outputReadBytesMax)
      const before = at
      for (let place = 0; ; ) {
        const frame = decodeFrame(block, place)
        if (frame === undefined) break
        place += FRAME_HEADER_BYTES + frame.chunk.length
        at += FRAME_HEADER_BYTES + frame.chunk.length
        end += frame.chunk.length
      }
      if (at === before) break
    }
    segment.bytes = at
    this.written = end
    this.isTorn = true
    this.init.grown(at - found)
  }

  /** Pieces of one segment from `from` to at most `end`. */
  private async readSegment(
    segment: Segment,
    from: number,
    end: number,
    bytesMax: number,
  ): Promise<readonly OutputPiece[]> {
    const pieces: OutputPiece[] = []
    const known = this.places.get(from)
    const isKnown = known?.segment === segment
    let place = isKnown ? known.at : 0
    let offset = isKnown ? from : segment.begin
    let room = bytesMax
    while (room > 0 && offset < end && place < segment.bytes) {
      const blockMax = Math.min(LIMITS.outputReadBytesMax, segment.bytes - place)
      const block = await this.init.files.read(segment.name, place, blockMax)
      let at = 0
      while (room > 0 && offset < end) {
        const frame = decodeFrame(block, at)
        if (frame === undefined) break
        const { stream, chunk } = frame
        const skip = Math.max(0, from - offset)
        if (skip < chunk.length) {
          pieces.push({ stream, offset: offset + skip, chunk: chunk.subarray(skip) })
          room -= chunk.length - skip
        }
        at += FRAME_HEADER_BYTES + chunk.length
        offset += chunk.length
      }
      if (at === 0) break
      place += at
    }
    if (isKnown) this.places.delete(from)
    this.remember(offset, { segment, at: place })
    return pieces
  }

  /** A reader that comes back at the end of what it got needs no search. */
  private remember(offset: number, place: { readonly segment: Segment; readonly at: number }): void {
    this.places.delete(offset)
    this.places.set(offset, place)
    for (const oldest of this.places.keys()) {
      if (this.places.size <= PLACES_KEPT) return
      this.places.delete(oldest)
    }
  }
}

const removed = (): CodedError => new CodedError('operation.cancelled', { what: 'writing the output' })
