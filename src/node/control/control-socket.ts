/**
 * Where the control socket lies, and that only its owner can open it.
 *
 * `<dataDir>/control.sock` is the place. The kernel takes about 100 bytes of path and no more; for a longer one the
 * socket lies under a hashed name in a folder of the user (`XDG_RUNTIME_DIR`, else the folder for temporary files) and
 * `<dataDir>/control.sock` is a link to it. Callers follow the link instead of computing the place again: a
 * service and a shell seldom have the same environment.
 *
 * Whoever may write to the folder could put a socket of his own there, so a folder that others may write to, or that
 * belongs to somebody else, is refused on both sides. Permissions of a folder that exists are never changed:
 * `--data-dir /tmp` must not lock everybody out. Rejected: a token in a file (protects no better than the
 * socket's mode) and TCP on loopback (open to every user and, through a browser, to every web page).
 *
 * Linux and macOS. Windows has named pipes in place of these sockets and comes later.
 */
import { createHash } from 'node:crypto'
import { realpathSync, type Stats } from 'node:fs'
import { lstat, mkdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { CodedError, LIMITS } from '../../base/index.ts'

const SOCKET_NAME = 'control.sock'

/** Folder mode: only the owner. */
const PRIVATE_MODE = 0o700
const WRITABLE_BY_OTHERS = 0o022

/** Where a node with this data directory listens. Whoever wants to reach it asks `findControlSocket`. */
export function controlSocketPath(dataDir: string): string {
  const path = namedPath(dataDir)
  if (fits(path)) return path
  const runtimeDir = process.env['XDG_RUNTIME_DIR']
  const folder =
    runtimeDir === undefined || runtimeDir === ''
      ? join(tmpdir(), `populi-${process.getuid?.() ?? 'user'}`)
      : join(runtimeDir, 'populi')
  const name = createHash('sha256').update(path).digest('hex').slice(0, 32)
  return join(folder, `${name}.sock`)
}

/**
 * The socket of the node that runs on `dataDir`, if one does.
 * @throws CodedError `store.absent`, `node.not_running`, `control.socket_unusable`
 */
export async function findControlSocket(dataDir: string): Promise<string> {
  const path = namedPath(dataDir)
  await assertPrivate(dirname(path), new CodedError('store.absent', { path: dataDir }))
  if (fits(path)) return path
  const notRunning = new CodedError('node.not_running', { path: dataDir })
  const target = await linkTarget(path)
  if (target === undefined) throw notRunning
  await assertPrivate(dirname(target), notRunning)
  return target
}

/**
 * Makes the place ready to listen: folders exist and are private, the socket of a dead node is gone.
 * @throws CodedError `store.in_use` when a node answers there, `control.socket_unusable`
 */
export async function claimControlSocket(dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: PRIVATE_MODE })
  const named = namedPath(dataDir)
  const path = controlSocketPath(dataDir)
  await assertPrivate(dirname(named))
  await mkdir(dirname(path), { recursive: true, mode: PRIVATE_MODE })
  await assertPrivate(dirname(path))
  // An earlier life may have had another environment, and with it another place.
  const earlier = fits(named) ? undefined : await linkTarget(named)
  for (const candidate of new Set([path, earlier ?? path])) await removeStale(candidate, dataDir)
  return path
}

/** Lets `<dataDir>/control.sock` lead to a socket that lies elsewhere; replaces an older link in one step. */
export async function linkControlSocket(dataDir: string, path: string): Promise<void> {
  const named = namedPath(dataDir)
  if (named === path) return
  const fresh = `${named}.new`
  await rm(fresh, { force: true })
  await symlink(path, fresh)
  await rename(fresh, named)
}

export async function unlinkControlSocket(dataDir: string, path: string): Promise<void> {
  const named = namedPath(dataDir)
  if (named !== path) await rm(named, { force: true })
}

function namedPath(dataDir: string): string {
  const absolute = resolve(dataDir)
  try {
    return join(realpathSync(absolute), SOCKET_NAME)
  } catch {
    return join(absolute, SOCKET_NAME)
  }
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= LIMITS.controlSocketPathBytesMax
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch {
    return undefined
  }
}

/** @throws `absent`, where given, when there is no such folder; else CodedError `control.socket_unusable` */
async function assertPrivate(folder: string, absent?: CodedError): Promise<void> {
  const refuse = (reason: string): CodedError =>
    new CodedError('control.socket_unusable', { path: join(folder, SOCKET_NAME), reason })
  let found: Stats
  try {
    found = await lstat(folder)
  } catch (cause) {
    throw absent !== undefined && systemCode(cause) === 'ENOENT' ? absent : refuse(`${systemCode(cause)}`)
  }
  if (!found.isDirectory()) throw refuse(`${folder} is not a folder`)
  const user = process.getuid?.() ?? 0
  // Root may look into everybody's node, as it may do everything else.
  if (user !== 0 && found.uid !== user) throw refuse(`${folder} belongs to another user`)
  if ((found.mode & WRITABLE_BY_OTHERS) !== 0) throw refuse(`other users may write to ${folder}`)
}

async function removeStale(path: string, dataDir: string): Promise<void> {
  let found: Stats
  try {
    found = await lstat(path)
  } catch {
    return
  }
  if (!found.isSocket())
    throw new CodedError('control.socket_unusable', { path, reason: 'it is not a socket' })
  if (await someoneListens(path)) throw new CodedError('store.in_use', { path: dataDir })
  await rm(path, { force: true })
}

/** Only a refusal proves that nobody listens; a full queue of connections, for one, means that somebody does. */
function someoneListens(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.once('error', (cause) => settle(!['ECONNREFUSED', 'ENOENT'].includes(systemCode(cause))))
  })
}

/** `ENOENT` and its like; the message of an error that has none. */
export function systemCode(thrown: unknown): string {
  if (thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string') return thrown.code
  return String(thrown)
}
