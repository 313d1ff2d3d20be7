/**
 * A bounded ring of lines in two files beside the database: the newest lines are appended to one; when that is full it takes the
 * place of the other. So between `linesMax` and twice as many lines are on the disk, and none is ever rewritten.
 *
 *     <name>.log       8 hexadecimal digits (CRC-32 of the text), a space, the text, a line feed
 *     <name>.old.log
 *
 * For what is good to know and binds nobody, such as the log of events. It is no part of the store on purpose: appending costs no
 * sync and delays no batch of consensus, a damaged line costs that line and never makes a store `corrupt`, and when a store has to
 * be rebuilt the history of how it came to that is still there. A killed process loses only what it had not handed to the
 * system; a power cut, what the system had not written (seconds). People can read the files without a node.
 *
 * Rejected: a section of the database. Its batches are synced, or ride on synced ones, so events of a quiet node would wait in
 * memory for hours; they would count in the ledger, so that one damaged event would keep a voter from starting; and LevelDB would
 * compact what is thrown away anyway.
 */
import { type FileHandle, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { CodedError } from '../base/index.ts'

const CHECK_CHARS = 8
/** Only its owner reads what happened on a node. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

interface LineRingInit {
  /** Of all rings of their kind; made when it is absent. */
  readonly folder: string
  readonly name: string
  /** Lines that are kept at least. */
  readonly linesMax: number
  /** Told of what could not be read, in words. */
  readonly onDamage: (what: string) => void
}

interface Found {
  readonly lines: readonly string[]
  /** Lines in the file, sound or not. */
  readonly count: number
  /** The file ends within a line. */
  readonly isTorn: boolean
}

const NOTHING: Found = { lines: [], count: 0, isTorn: false }

export class LineRing {
  /** What was there, oldest first: at most the `linesMax` newest ones. */
  readonly found: readonly string[]
  private readonly current: string
  private readonly old: string
  private readonly linesMax: number
  private count: number
  private isTorn: boolean
  private file: FileHandle | undefined

  private constructor(paths: { current: string; old: string }, linesMax: number, old: Found, current: Found) {
    this.current = paths.current
    this.old = paths.old
    this.linesMax = linesMax
    this.found = [...old.lines, ...current.lines].slice(-linesMax)
    this.count = current.count
    this.isTorn = current.isTorn
  }

  /** Does not fail: what cannot be read is told and left out. */
  static async open({ folder, name, linesMax, onDamage }: LineRingInit): Promise<LineRing> {
    try {
      await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    } catch (cause) {
      onDamage(`${folder}: ${reasonOf(cause)}`)
    }
    const paths = { current: join(folder, `${name}.log`), old: join(folder, `${name}.old.log`) }
    const old = await readLines(paths.old, onDamage)
    return new LineRing(paths, linesMax, old, await readLines(paths.current, onDamage))
  }

  /**
   * Hands the lines, which have no line feed, to the system. One call at a time.
   * @throws CodedError `store.write_failed`; then some of them may be kept, and the next call tries anew.
   */
  async append(lines: readonly string[]): Promise<void> {
    const text = lines.map((line) => `${checkOf(line)} ${line}\n`).join('')
    try {
      if (this.count >= this.linesMax) await this.turn()
      this.file ??= await open(this.current, 'a', FILE_MODE)
      await this.file.appendFile(this.isTorn ? `\n${text}` : text)
      this.isTorn = false
      this.count += lines.length
    } catch (cause) {
      this.isTorn = true
      throw new CodedError('store.write_failed', { path: this.current, reason: reasonOf(cause) }, { cause })
    }
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }

  private async turn(): Promise<void> {
    await this.close()
    await rename(this.current, this.old)
    this.count = 0
    this.isTorn = false
  }
}

async function readLines(path: string, onDamage: (what: string) => void): Promise<Found> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    const reason = reasonOf(cause)
    if (reason !== 'ENOENT') onDamage(`${path}: ${reason}`)
    return NOTHING
  }
  const written = text.split('\n').filter((line) => line !== '')
  const lines = written.filter(isSound).map((line) => line.slice(CHECK_CHARS + 1))
  const damaged = written.length - lines.length
  if (damaged > 0) onDamage(`${path}: ${damaged} of ${written.length} lines are damaged`)
  return { lines, count: written.length, isTorn: text !== '' && !text.endsWith('\n') }
}

const isSound = (line: string): boolean =>
  line[CHECK_CHARS] === ' ' && line.slice(0, CHECK_CHARS) === checkOf(line.slice(CHECK_CHARS + 1))

const checkOf = (line: string): string => crc32(line).toString(16).padStart(CHECK_CHARS, '0')

function reasonOf(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.message : String(cause)
}
