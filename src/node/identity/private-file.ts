/**
 * Files that only their owner may read, and that exist either whole or not at all.
 *
 * A file is written beside its place, synced, and then *linked* into place: `link` fails when the name is taken, so two
 * processes that create the same key at once end with one key that both see, and a crash leaves no half file
 * (at most a stray `.new-…` that nobody reads). Rejected: `O_EXCL` on the name itself (a crash leaves a short key that
 * blocks the next try) and `rename` (the second process would silently replace the first one's key).
 */
import { randomBytes } from 'node:crypto'
import { constants, link, mkdir, open, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../../base/index.ts'

/** Windows keeps access in lists, not in a mode. */
const MODES_COUNT = process.platform !== 'win32'

/**
 * Makes the folder, for its owner only, unless it is there.
 * @throws CodedError `store.not_private` when others can put files into it, `store.write_failed`.
 */
export async function ensurePrivateFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    const { mode } = await stat(path)
    if (MODES_COUNT && (mode & 0o022) !== 0) throw notPrivate(path, mode, '700')
  } catch (cause) {
    throw writeFailed(path, cause)
  }
}

/**
 * Writes a new file durably.
 * @returns false, with nothing changed, when the name is taken.
 * @throws CodedError `store.write_failed`
 */
export async function createPrivateFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const draft = `${path}.new-${randomBytes(8).toString('hex')}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    const created = await linkUnlessTaken(draft, path)
    await unlink(draft)
    if (created) await syncFolder(dirname(path))
    return created
  } catch (cause) {
    await unlink(draft).catch(() => undefined)
    throw writeFailed(path, cause)
  }
}

/**
 * The file's bytes; `undefined` when there is no such file.
 * @throws CodedError `store.not_private`, `store.unreadable`, `store.corrupt` when it is longer than `bytesMax`.
 */
export async function readPrivateFile(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY)
    try {
      const { mode, size } = await file.stat()
      if (MODES_COUNT && (mode & 0o077) !== 0) throw notPrivate(path, mode, '600')
      if (size > bytesMax) throw new CodedError('store.corrupt', { path, what: `${size} bytes, too long` })
      return Uint8Array.from(await file.readFile())
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    if (cause instanceof CodedError) throw cause
    throw new CodedError('store.unreadable', { path, reason: systemCode(cause) }, { cause })
  }
}

async function linkUnlessTaken(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') return false
    throw cause
  }
}

/** Makes the new name itself durable. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function notPrivate(path: string, mode: number, wanted: string): CodedError {
  return new CodedError('store.not_private', { path, mode: (mode & 0o777).toString(8), wanted })
}

function writeFailed(path: string, cause: unknown): CodedError {
  if (cause instanceof CodedError) return cause
  return new CodedError('store.write_failed', { path, reason: systemCode(cause) }, { cause })
}

/** `ENOENT` and its like; the message of a system error repeats the path. */
function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
}
