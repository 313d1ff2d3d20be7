/**
 * The folder of a LevelDB, read and checked before LevelDB opens it: from CURRENT to the manifest, from there to every
 * live table and write-ahead log. Costs one reading of the store, about a quarter of a second for 100 MiB.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../base/index.ts'
import { readLogFile } from './log-file.ts'
import { type Manifest, readManifest } from './manifest-file.ts'
import { markPath } from './mark-file.ts'
import { corrupt, type OnDamage } from './record.ts'
import { readTable } from './table-file.ts'

const LOG_NAME = /^(\d{6,})\.log$/

/** `store.absent` is for a folder without a database. @throws CodedError `store.corrupt`, `store.write_failed` */
export async function hasDatabase(path: string): Promise<boolean> {
  const names = await namesIn(path)
  if (names.includes('CURRENT')) return true
  // LevelDB would take the folder for a new database and delete the tables that it finds.
  if (names.some((name) => /\.(ldb|sst|log)$/.test(name))) throw corrupt(path, 'CURRENT, which is missing')
  return false
}

/** Removes a database and its mark, as if there had never been one. Nobody may have it open. */
export async function removeStores(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true })
  await rm(markPath(path), { force: true })
}

/** What a folder holds, part by part, in no order that matters: LevelDB numbers every change. */
interface FolderVisitor {
  readonly block: (block: Buffer) => void
  readonly batch: (batch: Buffer) => void
}

/**
 * Reads every file that counts. Not while another process has the folder open.
 * @param onDamage is told of each damage, with file and place. What is sound behind it is visited all the same; when
 *   nobody can say which files count, all of them are read.
 */
export async function readFolder(path: string, onDamage: OnDamage, visitor?: FolderVisitor): Promise<void> {
  const manifest = await readCurrentManifest(path, onDamage)
  const names = await namesIn(path)
  for (const [name, bytes] of tablesOf(manifest, names)) {
    const file = await read(path, name, onDamage)
    if (file === undefined) continue
    const { damage, blocks } = readTable(file)
    for (const what of damage) onDamage(corrupt(path, `${name}: ${what}`))
    if (bytes !== undefined && file.length !== bytes && damage.length === 0)
      onDamage(corrupt(path, `${name}: ${file.length} of ${bytes} bytes`))
    if (visitor !== undefined) for (const block of blocks) visitor.block(block)
  }
  const oldest = manifest?.logNumber ?? 0
  const logs = names.filter((name) => Number(LOG_NAME.exec(name)?.[1] ?? -1) >= oldest)
  if (oldest > 0 && !logs.includes(`${padded(oldest)}.log`))
    onDamage(corrupt(path, `${padded(oldest)}.log, which is missing`))
  for (const name of logs) for (const batch of await readLog(path, name, onDamage)) visitor?.batch(batch)
}

/** Bytes of all files in a folder; 0 when there is none. */
export async function bytesIn(path: string): Promise<number> {
  let bytes = 0
  for (const name of await namesIn(path)) bytes += (await stat(join(path, name))).size
  return bytes
}

/** The tables to read, and how long each must be. */
function tablesOf(
  manifest: Manifest | undefined,
  names: readonly string[],
): readonly (readonly [name: string, bytes: number | undefined])[] {
  if (manifest === undefined)
    return names.filter((name) => name.endsWith('.ldb')).map((name) => [name, undefined] as const)
  return Array.from(manifest.tables, ([number, bytes]) => [`${padded(number)}.ldb`, bytes] as const)
}

async function readCurrentManifest(path: string, onDamage: OnDamage): Promise<Manifest | undefined> {
  const current = await read(path, 'CURRENT', onDamage)
  if (current === undefined) return undefined
  const name = /^(MANIFEST-\d+)\n$/.exec(current.toString('latin1'))?.[1]
  if (name === undefined) {
    onDamage(corrupt(path, 'CURRENT'))
    return undefined
  }
  let isSound = true
  const batches = await readLog(path, name, (damage) => {
    isSound = false
    onDamage(damage)
  })
  const manifest = isSound ? readManifest(batches) : undefined
  if (isSound && manifest === undefined) onDamage(corrupt(path, name))
  return manifest
}

async function readLog(path: string, name: string, onDamage: OnDamage): Promise<readonly Buffer[]> {
  const file = await read(path, name, onDamage)
  if (file === undefined) return []
  const { batches, damage } = readLogFile(file)
  if (damage !== undefined) onDamage(corrupt(path, `${name}: ${damage}`))
  return batches
}

async function read(path: string, name: string, onDamage: OnDamage): Promise<Buffer | undefined> {
  try {
    return await readFile(join(path, name))
  } catch (cause) {
    onDamage(corrupt(path, `${name}, which cannot be read`, cause))
    return undefined
  }
}

async function namesIn(path: string): Promise<readonly string[]> {
  try {
    return await readdir(path)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('store.write_failed', { path, reason }, { cause })
  }
}

/** File numbers have at least 6 digits in names. */
function padded(number: number): string {
  return String(number).padStart(6, '0')
}
