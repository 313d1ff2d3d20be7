/**
 * Real pipes for the output of commands.
 *
 * Node connects a child by socket pairs, and a socket cannot be opened by name: `echo x > /dev/stderr` and `tee
 * /dev/stderr` fail with ENXIO. Node cannot make a pipe either, but it can open one that has a name: `mkfifo` makes
 * it, both ends are opened, the name is removed, and what is left is what pipe(2) gives.
 *
 * A process more for each command would nearly double what a short one costs, so pairs are kept ready and made again
 * in the background. Whatever goes wrong here costs a command its pipes and not its life: it gets socket pairs.
 */
import { execFile, execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readdirSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { LIMITS } from '../base/index.ts'
import type { OutputStream } from './execution.ts'

const SUFFIX = '.pipe'
/** All that are made at once take `mkfifo` 7 ms. After this time the disk does not answer, and deadlines have waited long enough. */
const MKFIFO_MS_MAX = 1000

/** Two descriptors, both close-on-exec: no command inherits a pipe of another, whose end would then not come. */
interface Pipe {
  readonly readEnd: number
  readonly writeEnd: number
}

/** The pipes of one command. */
export type OutputPipes = Readonly<Record<OutputStream, Pipe>>
type PipePaths = Readonly<Record<OutputStream, string>>

/** Pipes that no command has yet. */
export class PipePool {
  private readonly directory: string
  private readonly warn: (message: string) => void
  private readonly ready: OutputPipes[] = []
  private pairsNamed = 0
  private refilling: Promise<void> | undefined
  private failing = false
  private closed = false

  /**
   * Removes the names that an earlier guardian left, and fills.
   *
   * @param directory for this guardian alone: who opens a pipe while it has a name, reads what is printed.
   * @param warn is told when pipes cannot be had; not again until they could be.
   */
  constructor(directory: string, warn: (message: string) => void) {
    this.directory = directory
    this.warn = warn
    const names = readdirSync(directory).filter((name) => name.endsWith(SUFFIX))
    removeAll(names.map((name) => join(directory, name)))
    this.fill()
  }

  /**
   * Pipes for one command, which are the caller's to close; `undefined` when there are none, for which socket pairs
   * stand in. An empty pool is filled while the caller waits (7 ms): what is said about a command after it must find
   * it started. Not so while that fails: then only the background tries.
   */
  take(): OutputPipes | undefined {
    if (this.ready.length === 0 && !this.failing) this.fill()
    const pipes = this.ready.pop()
    // The command for which they are starts first.
    setImmediate(() => this.refill())
    return pipes
  }

  /** Closes what nobody took. Resolves when no name is left. */
  async close(): Promise<void> {
    this.closed = true
    await this.refilling
    for (const pipes of this.ready.splice(0)) closePipes(pipes)
  }

  private fill(): void {
    const pairs = this.nextPaths()
    try {
      execFileSync('mkfifo', mkfifoArguments(pairs), {
        timeout: MKFIFO_MS_MAX,
        killSignal: 'SIGKILL',
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      this.adopt(pairs)
    } catch (thrown) {
      this.fail(pairs, thrown)
    }
  }

  private refill(): void {
    if (this.closed || this.ready.length > LIMITS.execReadyPipePairsMax / 2) return
    this.refilling ??= this.fillInBackground().finally(() => {
      this.refilling = undefined
    })
  }

  private async fillInBackground(): Promise<void> {
    const pairs = this.nextPaths()
    try {
      const options = { timeout: MKFIFO_MS_MAX, killSignal: 'SIGKILL' } as const
      await promisify(execFile)('mkfifo', mkfifoArguments(pairs), options)
      this.adopt(pairs)
    } catch (thrown) {
      this.fail(pairs, thrown)
    }
  }

  /** A name is never used twice, so one that cannot be removed is in nobody's way. */
  private nextPaths(): PipePaths[] {
    return Array.from({ length: LIMITS.execReadyPipePairsMax }, () => {
      const path = join(this.directory, String(this.pairsNamed++))
      return { stdout: `${path}-stdout${SUFFIX}`, stderr: `${path}-stderr${SUFFIX}` }
    })
  }

  /** Some are too many when the pool was filled in a hurry meanwhile. */
  private adopt(pairs: readonly PipePaths[]): void {
    const room = LIMITS.execReadyPipePairsMax - this.ready.length
    for (const paths of pairs.slice(0, room)) this.ready.push(openPipes(paths))
    removeAll(pathsOf(pairs))
    this.failing = false
  }

  private fail(pairs: readonly PipePaths[], thrown: unknown): void {
    removeAll(pathsOf(pairs))
    if (!this.failing)
      this.warn(`commands cannot open /dev/stdout or /dev/stderr: no pipes: ${reasonOf(thrown)}`)
    this.failing = true
  }
}

/** The command has its own copies of the write ends: as long as these are open too, the output has no end. */
export function closeWriteEnds({ stdout, stderr }: OutputPipes): void {
  closeSync(stdout.writeEnd)
  closeSync(stderr.writeEnd)
}

/** The read ends, which close when their streams do. */
export function readersOf({ stdout, stderr }: OutputPipes): Record<OutputStream, Readable> {
  return { stdout: reader(stdout), stderr: reader(stderr) }
}

export function closePipes(pipes: OutputPipes): void {
  closeWriteEnds(pipes)
  closeSync(pipes.stdout.readEnd)
  closeSync(pipes.stderr.readEnd)
}

function reader({ readEnd }: Pipe): Readable {
  return new Socket({ fd: readEnd, readable: true, writable: false })
}

function openPipes(paths: PipePaths): OutputPipes {
  const stdout = openPipe(paths.stdout)
  try {
    return { stdout, stderr: openPipe(paths.stderr) }
  } catch (thrown) {
    closeSync(stdout.readEnd)
    closeSync(stdout.writeEnd)
    throw thrown
  }
}

function openPipe(path: string): Pipe {
  // A reader that may block waits for a writer, who is not there yet; a writer finds its reader.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return { readEnd, writeEnd: openSync(path, constants.O_WRONLY) }
  } catch (thrown) {
    closeSync(readEnd)
    throw thrown
  }
}

function mkfifoArguments(pairs: readonly PipePaths[]): string[] {
  return ['-m', '600', '--', ...pathsOf(pairs)]
}

function pathsOf(pairs: readonly PipePaths[]): string[] {
  return pairs.flatMap(({ stdout, stderr }) => [stdout, stderr])
}

/** What cannot be removed now, the next guardian removes. */
function removeAll(paths: readonly string[]): void {
  for (const path of paths)
    try {
      rmSync(path, { force: true })
    } catch {
      // A pipe without a reader or a writer does no harm.
    }
}

/** The first line that `mkfifo` said; the message of Node would name every path. */
function reasonOf(thrown: unknown): string {
  const { stderr, code, message } = thrown as { stderr?: unknown; code?: unknown; message?: unknown }
  const said = String(stderr ?? '').split('\n', 1)[0]
  return said || (typeof code === 'string' ? `mkfifo: ${code}` : String(message ?? thrown))
}
