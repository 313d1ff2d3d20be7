/**
 * The folder of a LevelDB, read and checked before LevelDB opens it: from CURRENT to the manifest, from there to every
 * live table and write-ahead log. Costs one reading of the store, about a quarter of a second for 100 MiB.
 */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CodedError } from '../base/index.ts'
import { readLogFile } from './log-file.ts'
import { type Manifest, readManifest } from './manifest-file.ts'
import { markPath } from './mark-file.ts'
import { corrupt } from './record.ts'
import { tableDamage } from './table-file.ts'

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

/** Not while another process has the folder open. @throws CodedError `store.corrupt`, naming file and place. */
export async function checkFolder(path: string): Promise<void> {
  const manifest = await readCurrentManifest(path)
  for (const [number, bytes] of manifest.tables) {
    const name = `${padded(number)}.ldb`
    const file = await read(path, name)
    const damage = file.length === bytes ? tableDamage(file) : `${file.length} of ${bytes} bytes`
    if (damage !== undefined) throw corrupt(path, `${name}: ${damage}`)
  }
  const logs = (await namesIn(path)).filter(
    (name) => Number(LOG_NAME.exec(name)?.[1] ?? -1) >= manifest.logNumber,
  )
  const oldest = `${padded(manifest.logNumber)}.log`
  if (manifest.logNumber > 0 && !logs.includes(oldest)) throw corrupt(path, `${oldest}, which is missing`)
  for (const name of logs) await readLog(path, name)
}

async function readCurrentManifest(path: string): Promise<Manifest> {
  const current = await read(path, 'CURRENT')
  const name = /^(MANIFEST-\d+)\n$/.exec(current.toString('latin1'))?.[1]
  if (name === undefined) throw corrupt(path, 'CURRENT')
  const manifest = readManifest(await readLog(path, name))
  if (manifest === undefined) throw corrupt(path, name)
  return manifest
}

async function readLog(path: string, name: string): Promise<readonly Buffer[]> {
  const { batches, damage } = readLogFile(await read(path, name))
  if (damage !== undefined) throw corrupt(path, `${name}: ${damage}`)
  return batches
}

async function read(path: string, name: string): Promise<Buffer> {
  try {
    return await readFile(join(path, name))
  } catch (cause) {
    throw corrupt(path, `${name}, which cannot be read`, cause)
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
