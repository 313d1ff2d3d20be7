/** A realistic store of a stopped node, as files that a test can damage, and what opening says of the result. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CodedError, logIndex, present, term } from '../../src/base/index.ts'
import { type NodeStores, openStores } from '../../src/store/index.ts'
import { bytes, contents, step } from './samples.ts'

export type Files = ReadonlyMap<string, Buffer>

const LIVES = 4
const STEPS = 25

export const EXISTING = { create: false }

/** The store lies in `root/db`, its mark beside it as `root/db.mark`. */
export const databaseIn = (root: string): string => join(root, 'db')

/**
 * Several lives make several tables: each opening writes what the last life left in the log file into one. The log is
 * compacted on the way.
 * @param work is done by the last life before it ends.
 */
export async function makeStopped(root: string, work?: (stores: NodeStores) => Promise<void>): Promise<void> {
  await mkdir(root, { recursive: true })
  for (let life = 0; life < LIVES; life += 1) {
    const stores = await openStores(databaseIn(root), { create: life === 0 })
    if (life > 0)
      await stores.log.compact({
        index: logIndex(life * STEPS),
        term: term(1),
        configuration: bytes('voters'),
      })
    for (let index = 1; index <= STEPS; index += 1) await step(stores, life * STEPS + index)
    if (life === LIVES - 1) await work?.(stores)
    await stores.close()
  }
}

/** Every file that counts, by its path below `root`: LevelDB's lock and diary say nothing. */
export async function filesIn(root: string): Promise<Map<string, Buffer>> {
  const names = await readdir(root, { recursive: true, withFileTypes: true })
  const files = names.filter((one) => one.isFile() && !/^LO(CK|G|G\.old)$/.test(one.name))
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name)
    return [path.slice(root.length + 1), await readFile(path)] as const
  })
  return new Map((await Promise.all(read)).sort(([left], [right]) => (left < right ? -1 : 1)))
}

/** Makes `root` anew with these files. */
export async function restore(root: string, files: Files): Promise<void> {
  await rm(root, { recursive: true, force: true })
  await mkdir(databaseIn(root), { recursive: true })
  for (const [name, data] of files) {
    await mkdir(dirname(join(root, name)), { recursive: true })
    await writeFile(join(root, name), data)
  }
}

/** A copy whose bytes may be changed. */
export function copyOf(files: Files): Map<string, Buffer> {
  return new Map(Array.from(files, ([name, data]) => [name, Buffer.from(data)]))
}

/** The contents as text, or the error. */
export async function reading(root: string): Promise<string | CodedError> {
  try {
    const stores = await openStores(databaseIn(root), EXISTING)
    try {
      return JSON.stringify(await contents(stores))
    } finally {
      await stores.close()
    }
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown
    throw thrown
  }
}

/** The write-ahead log that the last life wrote to. */
export function newestLogOf(files: Files): string {
  return present(
    [...files.keys()].filter((name) => name.endsWith('.log')).at(-1),
    'log file of the last life',
  )
}
