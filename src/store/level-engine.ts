/**
 * LevelDB as the engine. Every batch is synced. Compression is off: records are small and hardly repeat, and
 * `table-file.ts` relies on it. LevelDB has a `paranoid_checks` option, but `level` does not offer it, so the folder
 * is checked before LevelDB opens it (`level-folder.ts`), and what LevelDB returns is checked again above this file.
 */
import { Level } from 'level'
import { CodedError, LIMITS } from '../base/index.ts'
import type { Engine, Operation, Visitor } from './engine.ts'
import { hasDatabase, readFolder } from './level-folder.ts'
import { type MarkFile, markPath, openMarkFile } from './mark-file.ts'
import { corrupt, refuse } from './record.ts'

const OPTIONS = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: false,
  writeBufferSize: LIMITS.storeWriteBufferBytesMax,
  cacheSize: LIMITS.storeBlockCacheBytesMax,
  maxOpenFiles: LIMITS.storeOpenFilesMax,
} as const

/** Records handed over at once while reading: large enough that crossing into JavaScript is not the cost. */
const SCAN_RECORDS = 1000
const SCAN_BYTES = 1024 * 1024

/**
 * Opens the folder `path`.
 * @param create makes the folder when it is absent.
 * @throws CodedError `store.absent`, `store.in_use`, `store.corrupt`, `store.write_failed`
 */
export async function openLevelEngine(path: string, create: boolean): Promise<Engine> {
  const exists = await hasDatabase(path)
  if (exists) await requireFree(path)
  const mark = await openMarkFile(path)
  if (exists) await readFolder(path, refuse)
  else if (mark.found !== undefined && mark.found > 0)
    throw corrupt(path, `the database is missing, of which ${markPath(path)} counts ${mark.found} batches`)
  else if (!create) throw new CodedError('store.absent', { path })
  const database = await openLevel(path, { createIfMissing: create })
  return new LevelEngine(path, database, mark)
}

class LevelEngine implements Engine {
  readonly path: string
  readonly mark: MarkFile
  private readonly database: Level<Uint8Array, Uint8Array>
  private discarding: Promise<void> = Promise.resolve()
  private failure: CodedError | undefined

  constructor(path: string, database: Level<Uint8Array, Uint8Array>, mark: MarkFile) {
    this.path = path
    this.database = database
    this.mark = mark
  }

  async scan(prefix: number, visit: Visitor): Promise<void> {
    const range = { gte: Uint8Array.of(prefix), lt: Uint8Array.of(prefix + 1) }
    const iterator = this.database.iterator({ ...range, highWaterMarkBytes: SCAN_BYTES })
    try {
      for (;;) {
        const chunk = await this.read(iterator.nextv(SCAN_RECORDS))
        if (chunk.length === 0) return
        for (const [key, value] of chunk) visit(key, value)
      }
    } finally {
      await iterator.close()
    }
  }

  async write(operations: readonly Operation[]): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    try {
      await this.database.batch([...operations], { sync: true })
    } catch (cause) {
      throw this.writeFailed(cause)
    }
  }

  discard(from: Uint8Array, to: Uint8Array): void {
    this.discarding = this.discarding.then(async () => {
      try {
        await this.database.clear({ gte: from, lte: to })
      } catch (cause) {
        this.failure ??= this.writeFailed(cause)
      }
    })
  }

  async close(): Promise<void> {
    await this.discarding
    try {
      await this.database.close()
    } finally {
      await this.mark.close()
    }
  }

  private writeFailed(cause: unknown): CodedError {
    return new CodedError('store.write_failed', { path: this.path, reason: reasonOf(cause) }, { cause })
  }

  private async read<Value>(reading: Promise<Value>): Promise<Value> {
    try {
      return await reading
    } catch (cause) {
      throw corrupt(this.path, reasonOf(cause), cause)
    }
  }
}

async function openLevel(
  path: string,
  options: { createIfMissing?: boolean; errorIfExists?: boolean },
): Promise<Level<Uint8Array, Uint8Array>> {
  const database = new Level<Uint8Array, Uint8Array>(path, { ...OPTIONS, ...options })
  try {
    await database.open()
  } catch (cause) {
    throw openError(path, cause)
  }
  return database
}

/**
 * A folder that another process writes to looks damaged. LevelDB takes its lock before it does anything else, so an
 * opening that must fail, because the database exists, tells whether the lock is free and touches nothing.
 */
export async function requireFree(path: string): Promise<void> {
  try {
    await new Level(path, { createIfMissing: false, errorIfExists: true }).open()
  } catch (thrown) {
    const error = openError(path, thrown)
    if (error.code === 'store.in_use') throw error
  }
}

function openError(path: string, thrown: unknown): CodedError {
  const cause = thrown instanceof Error && thrown.cause !== undefined ? thrown.cause : thrown
  if (hasCode(cause, 'LEVEL_LOCKED')) return new CodedError('store.in_use', { path }, { cause: thrown })
  const reason = reasonOf(cause)
  // A file that CURRENT or the manifest names is gone: that is damage, however LevelDB classes it.
  const damaged = hasCode(cause, 'LEVEL_CORRUPTION') || /No such file/.test(reason)
  if (damaged) return corrupt(path, reason, thrown)
  return new CodedError('store.write_failed', { path, reason }, { cause: thrown })
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
