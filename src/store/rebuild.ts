/**
 * Making a store from what can be kept of a damaged one: the node's own values and its task journals. Log, votes and
 * replicated state are left behind; the group gives them back when it has taken the node back (`Rejoin`).
 *
 * The new store is made beside the old one and put in its place by renaming. The old one is never deleted: it is moved
 * aside, for whoever wants to know what happened. A crash on the way leaves the old store, which may lack its mark, or
 * an empty place and a finished new store beside it, which the next attempt puts there.
 */
import { access, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CodedError } from '../base/index.ts'
import type { JournalStore } from '../task/index.ts'
import type { Engine } from './engine.ts'
import { openLevelEngine, requireFree } from './level-engine.ts'
import { removeStores } from './level-folder.ts'
import { LevelSnapshot } from './level-snapshot.ts'
import { markPath, syncFolder } from './mark-file.ts'
import type { MemoryDisk } from './memory-disk.ts'
import { openOn } from './node-stores.ts'
import type { NamedSection } from './section-reader.ts'
import { checkStores, headOf, readNamed, type StoreReport } from './store-check.ts'

export interface RebuildReport {
  /** Where the old store lies now; `undefined` when there was none. */
  readonly movedTo: string | undefined
  /** What the new store begins with. */
  readonly store: StoreReport
  /** Everything that could not be read of what should have been kept, in words. */
  readonly lost: readonly string[]
}

/** What a rebuilt store begins with. */
interface Kept {
  readonly meta: ReadonlyMap<string, Uint8Array>
  readonly submitterJournal: ReadonlyMap<string, Uint8Array>
  readonly workerJournal: ReadonlyMap<string, Uint8Array>
}

/** Journal records written at once: the batches stay far below the limit of the queue. */
const CHUNK_RECORDS = 256

/**
 * Puts a new store in the place of the one in the folder `path`, which nobody may have open.
 * @throws CodedError `store.in_use`, `store.write_failed`
 */
export async function rebuildForRejoin(path: string): Promise<RebuildReport> {
  const fresh = `${path}.rebuilt`
  const lost: string[] = []
  let movedTo: string | undefined
  if ((await exists(path)) || !(await exists(fresh))) {
    const kept = await salvage(path, lost)
    await make(fresh, kept)
    movedTo = await moveAside(path)
  }
  await moveIfThere(markPath(fresh), markPath(path))
  await moveIfThere(fresh, path)
  await syncFolder(dirname(path))
  return { movedTo, store: await checkStores(path), lost }
}

async function salvage(path: string, lost: string[]): Promise<Kept> {
  if (await exists(path)) await requireFree(path)
  else lost.push('the database is missing')
  const note = (damage: CodedError) => lost.push(damage.message)
  const snapshot = await LevelSnapshot.read(path, note)
  const head = await headOf(snapshot, undefined, () => undefined)
  if (head === undefined) lost.push('the ledger cannot be read: nobody can say whether more is missing')
  const kept = (section: NamedSection) => readNamed(snapshot, section, head, note)
  return {
    meta: await kept('meta'),
    submitterJournal: await kept('submitterJournal'),
    workerJournal: await kept('workerJournal'),
  }
}

async function make(path: string, kept: Kept): Promise<void> {
  await removeStores(path)
  await begin(await openLevelEngine(path, true), kept)
}

/** The same on an empty disk in memory. */
export async function rebuildMemoryStores(disk: MemoryDisk, kept: Kept): Promise<void> {
  await begin(disk.open(), kept)
}

async function begin(engine: Engine, { meta, submitterJournal, workerJournal }: Kept): Promise<void> {
  const { stores, writer, note } = await openOn(engine, { create: true })
  try {
    await writer.write(note.set())
    for (const [key, value] of meta) await stores.meta.put(key, value)
    await fill(stores.submitterJournal, submitterJournal)
    await fill(stores.workerJournal, workerJournal)
  } finally {
    await stores.close()
  }
}

async function fill(journal: JournalStore, records: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const writes = Array.from(records, ([key, value]) => ({ key, value }))
  for (let at = 0; at < writes.length; at += CHUNK_RECORDS)
    await journal.write(writes.slice(at, at + CHUNK_RECORDS))
}

/** Mark first: a database without its mark is refused, a mark without its database too. */
async function moveAside(path: string): Promise<string | undefined> {
  let number = 1
  while ((await exists(damaged(path, number))) || (await exists(markPath(damaged(path, number))))) number += 1
  const aside = damaged(path, number)
  await moveIfThere(markPath(path), markPath(aside))
  return (await moveIfThere(path, aside)) ? aside : undefined
}

const damaged = (path: string, number: number): string => `${path}.damaged-${number}`

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  if (!(await exists(from))) return false
  try {
    await rename(from, to)
    return true
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('store.write_failed', { path: to, reason }, { cause })
  }
}
