/**
 * The output of all tasks that one end keeps, in one folder: `<key>.<offset of its first byte>.out`, the key with everything
 * escaped that a file system could trip over. A log without output has no file, so a command that prints nothing costs no sync.
 *
 * Rejected: a folder per log, which costs two more syncs for the first byte of each; one file for all logs, which would share
 * syncs, but keep what one task needs for as long as any; and the database, which would write every byte twice, compact what is
 * thrown away, and refuse all work of the node when the output has filled the disk.
 */
import { assert, LIMITS } from '../base/index.ts'
import type { OutputLog, OutputLogs } from '../task/index.ts'
import type { OutputFiles } from './output-files.ts'
import { type OutputBounds, type Segment, SegmentedLog } from './output-log.ts'

interface OutputLogsInit {
  readonly files: OutputFiles
  readonly bounds?: Partial<OutputBounds>
  /** A file could not be removed, and takes room. */
  readonly onTrouble?: ((error: unknown) => void) | undefined
}

const BOUNDS: OutputBounds = {
  logBytesMax: LIMITS.outputLogBytesMax,
  logsBytesMax: LIMITS.outputLogsBytesMax,
  segmentBytes: LIMITS.outputSegmentBytesMax,
}
/** File systems take 255; the rest is the offset. */
const NAME_CHARS_MAX = 220
/** Digits of the largest offset: names sort as their numbers do. */
const OFFSET_DIGITS = 16
const NAME = /^(.+)\.(\d{16})\.out$/

export class SegmentedLogs implements OutputLogs {
  private readonly files: OutputFiles
  private readonly bounds: OutputBounds
  private readonly onTrouble: (error: unknown) => void
  /** The one that was written to longest ago comes first. */
  private readonly logs = new Map<string, SegmentedLog>()
  private readonly removing = new Map<string, Promise<void>>()
  private bytes = 0
  private reclaiming: Promise<void> | undefined

  private constructor({ files, bounds, onTrouble }: OutputLogsInit) {
    this.files = files
    this.bounds = { ...BOUNDS, ...bounds }
    this.onTrouble = onTrouble ?? (() => undefined)
  }

  /** Looks at names and sizes only. @throws CodedError `store.unreadable` */
  static async open(init: OutputLogsInit): Promise<SegmentedLogs> {
    const logs = new SegmentedLogs(init)
    await logs.find()
    return logs
  }

  async open(key: string): Promise<OutputLog> {
    // A new one has files of the same names.
    await this.removing.get(key)
    const log = this.logs.get(key) ?? this.add(key, [])
    await log.ready()
    return log
  }

  async remove(key: string): Promise<void> {
    const log = this.logs.get(key)
    if (log === undefined) return this.removing.get(key)
    this.logs.delete(key)
    const removing = log.remove().finally(() => this.removing.delete(key))
    this.removing.set(key, removing)
    await removing
  }

  async keys(): Promise<readonly string[]> {
    return [...this.logs].filter(([, log]) => !log.isEmpty).map(([key]) => key)
  }

  /** Resolves when what was appended is written, and the files are closed. */
  async close(): Promise<void> {
    await Promise.all([...this.logs.values()].map((log) => log.settled()))
    await this.reclaiming
    await this.files.close()
  }

  private async find(): Promise<void> {
    const found = new Map<string, Segment[]>()
    for (const { name, bytes } of await this.files.list()) {
      const [, fileName, offset] = NAME.exec(name) ?? []
      if (fileName === undefined) continue
      const key = unescaped(fileName)
      const segments = found.get(key) ?? []
      segments.push({ name, begin: Number(offset), bytes })
      // Behind the others: it was written to later.
      found.delete(key)
      found.set(key, segments)
      this.bytes += bytes
    }
    for (const [key, segments] of found)
      this.add(
        key,
        segments.sort((a, b) => a.begin - b.begin),
      )
  }

  private add(key: string, found: Segment[]): SegmentedLog {
    const { files, bounds, onTrouble } = this
    const fileName = escaped(key)
    assert(fileName.length <= NAME_CHARS_MAX, 'the key of an output log fits a file name')
    const log = new SegmentedLog({
      files,
      bounds,
      found,
      onTrouble,
      nameOf: (begin) => `${fileName}.${String(begin).padStart(OFFSET_DIGITS, '0')}.out`,
      grown: (bytes) => this.grown(key, log, bytes),
    })
    this.logs.set(key, log)
    return log
  }

  /** The log is the newest one now. */
  private grown(key: string, log: SegmentedLog, bytes: number): void {
    this.bytes += bytes
    if (bytes <= 0) return
    if (this.logs.get(key) !== log) return
    this.logs.delete(key)
    this.logs.set(key, log)
    // Beside: it touches other logs, and nobody who appends to this one need wait for that.
    if (this.bytes > this.bounds.logsBytesMax)
      this.reclaiming ??= this.reclaim()
        .catch(this.onTrouble)
        .then(() => {
          this.reclaiming = undefined
        })
  }

  private async reclaim(): Promise<void> {
    for (const log of [...this.logs.values()])
      while (this.bytes > this.bounds.logsBytesMax) if (!(await log.free())) break
  }
}

/** Lower case alone stands for itself: there are file systems that do not tell it from upper case. */
function escaped(key: string): string {
  return Array.from(Buffer.from(key), (byte) => {
    const character = String.fromCharCode(byte)
    return /[a-z0-9_-]/.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
  }).join('')
}

function unescaped(name: string): string {
  const bytes = name.replace(/%([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString()
}
