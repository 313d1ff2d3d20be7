/** The files that output logs lie in: in a folder (`OutputFolder`) or in memory (`MemoryFiles`). Names are flat. */
import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CodedError, LIMITS } from '../base/index.ts'
import { syncFolder } from './mark-file.ts'

export interface OutputFile {
  readonly name: string
  readonly bytes: number
}

/** Every call: CodedError `store.write_failed`, reading ones `store.unreadable`. */
export interface OutputFiles {
  /** Stands for the place in errors. */
  readonly path: string
  /** The file that was written last comes last. */
  list(): Promise<readonly OutputFile[]>
  /** An empty file, in the place of one of this name. Durable with the first write. */
  create(name: string): Promise<void>
  /** Durable when it resolves, the file's name included. When it fails, nobody knows what the file holds behind `position`. */
  write(name: string, position: number, parts: readonly Uint8Array[]): Promise<void>
  /** Fewer bytes where the file ends; none of a file that is not there. */
  read(name: string, position: number, bytesMax: number): Promise<Buffer>
  /** Cuts the file to its first `bytes`. Durable with the next write. */
  truncate(name: string, bytes: number): Promise<void>
  /** Without effect when it is not there. After a crash it may be there again. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

/** Only its owner reads what commands printed. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

interface Handle {
  readonly file: Promise<FileHandle>
  users: number
  isRemoved: boolean
}

/** The folder is made with its first file. Of its files, the `LIMITS.outputOpenFilesMax` last used ones stay open. */
export class OutputFolder implements OutputFiles {
  readonly path: string
  /** The longest unused first. */
  private readonly handles = new Map<string, Handle>()
  /** Made, and perhaps not to be found after a crash. */
  private readonly unnamed = new Set<string>()
  private made: Promise<void> | undefined
  private syncing: Promise<void> = Promise.resolve()
  private nextSync: Promise<void> | undefined

  constructor(path: string) {
    this.path = path
  }

  async list(): Promise<readonly OutputFile[]> {
    const found: { name: string; bytes: number; writtenMs: number }[] = []
    try {
      for (const name of await readdir(this.path)) {
        const { size, mtimeMs } = await stat(join(this.path, name))
        found.push({ name, bytes: size, writtenMs: mtimeMs })
      }
    } catch (cause) {
      if (!isAbsent(cause)) throw this.unreadable(this.path, cause)
    }
    return found.sort((a, b) => a.writtenMs - b.writtenMs)
  }

  async create(name: string): Promise<void> {
    await this.writing(name, async () => {
      await this.make()
      await this.use(name, 'w+', async () => undefined)
      this.unnamed.add(name)
    })
  }

  async write(name: string, position: number, parts: readonly Uint8Array[]): Promise<void> {
    await this.writing(name, async () => {
      // Side by side, they share one commit of the file system's journal.
      const named = this.unnamed.has(name) ? this.syncNames() : undefined
      const written = this.use(name, 'r+', async (file) => {
        if (parts.length === 0) return
        await writeAll(file, position, parts)
        await file.datasync()
      })
      // Both have ended, whatever became of one of them: then the next write meets none.
      for (const ended of await Promise.allSettled([written, named]))
        if (ended.status === 'rejected') throw ended.reason
      this.unnamed.delete(name)
    })
  }

  async read(name: string, position: number, bytesMax: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytesMax)
    let length = 0
    try {
      await this.use(name, 'r+', async (file) => {
        while (length < bytesMax) {
          const { bytesRead } = await file.read(buffer, length, bytesMax - length, position + length)
          if (bytesRead === 0) return
          length += bytesRead
        }
      })
    } catch (cause) {
      if (!isAbsent(cause)) throw this.unreadable(join(this.path, name), cause)
    }
    return buffer.subarray(0, length)
  }

  async truncate(name: string, bytes: number): Promise<void> {
    await this.writing(name, () => this.use(name, 'r+', (file) => file.truncate(bytes)))
  }

  async remove(name: string): Promise<void> {
    this.unnamed.delete(name)
    const handle = this.handles.get(name)
    if (handle !== undefined) {
      handle.isRemoved = true
      this.handles.delete(name)
      if (handle.users === 0) void closeQuietly(handle)
    }
    await this.writing(name, () =>
      unlink(join(this.path, name)).catch((cause: unknown) => {
        if (!isAbsent(cause)) throw cause
      }),
    )
  }

  async close(): Promise<void> {
    const handles = [...this.handles.values()]
    this.handles.clear()
    await Promise.all(handles.map(closeQuietly))
  }

  private async use<Value>(
    name: string,
    flags: string,
    work: (file: FileHandle) => Promise<Value>,
  ): Promise<Value> {
    const handle: Handle = this.handles.get(name) ?? {
      file: open(join(this.path, name), flags, FILE_MODE),
      users: 0,
      isRemoved: false,
    }
    this.handles.delete(name)
    this.handles.set(name, handle)
    handle.users += 1
    try {
      return await work(await handle.file)
    } catch (cause) {
      // One that could not be opened, or does not work, is opened anew by the next.
      if (this.handles.get(name) === handle) this.handles.delete(name)
      handle.isRemoved = true
      throw cause
    } finally {
      handle.users -= 1
      if (handle.isRemoved && handle.users === 0) void closeQuietly(handle)
      this.closeUnused()
    }
  }

  private closeUnused(): void {
    for (const [name, handle] of this.handles) {
      if (this.handles.size <= LIMITS.outputOpenFilesMax) return
      if (handle.users > 0) continue
      this.handles.delete(name)
      void closeQuietly(handle)
    }
  }

  /** With every folder on the way to it that may be new. */
  private make(): Promise<void> {
    this.made ??= (async () => {
      await mkdir(this.path, { recursive: true, mode: FOLDER_MODE })
      await syncFolder(dirname(this.path))
      await syncFolder(dirname(dirname(this.path)))
    })().catch((cause: unknown) => {
      this.made = undefined
      throw cause
    })
    return this.made
  }

  /** Files that were made while a sync was under way share the next one. */
  private syncNames(): Promise<void> {
    this.nextSync ??= this.syncing
      .catch(() => undefined)
      .then(() => {
        this.nextSync = undefined
        this.syncing = syncFolder(this.path)
        return this.syncing
      })
    return this.nextSync
  }

  private async writing(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (cause) {
      const path = join(this.path, name)
      throw new CodedError('store.write_failed', { path, reason: reasonOf(cause) }, { cause })
    }
  }

  private unreadable(path: string, cause: unknown): CodedError {
    return new CodedError('store.unreadable', { path, reason: reasonOf(cause) }, { cause })
  }
}

async function writeAll(file: FileHandle, position: number, parts: readonly Uint8Array[]): Promise<void> {
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  const { bytesWritten } = await file.writev([...parts], position)
  if (bytesWritten === bytes) return
  // A disk that is nearly full takes less than it was given; the rest says why.
  const whole = Buffer.concat(parts)
  for (let at = bytesWritten; at < bytes; )
    at += (await file.write(whole, at, bytes - at, position + at)).bytesWritten
}

async function closeQuietly({ file }: Handle): Promise<void> {
  // What was written was synced; what could not be opened need not be closed.
  await file.then((opened) => opened.close()).catch(() => undefined)
}

const isAbsent = (cause: unknown): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
