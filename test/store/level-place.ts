import { cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStores } from '../../src/store/index.ts'
import type { StorePlace } from './contract.ts'

export function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'populi-store-'))
}

/** A LevelDB in a temporary folder. Its crash: the files as they are at that moment are what the next life finds. */
export async function levelPlace(): Promise<StorePlace> {
  const root = await temporaryFolder()
  let life = 1
  const folder = () => join(root, `life-${life}`, 'db')
  return {
    open: () => openStores(folder(), { create: true }),
    crash: async (stores) => {
      const from = join(folder(), '..')
      life += 1
      await copyAtOneMoment(from, join(folder(), '..'))
      await stores.close()
    },
    remove: () => rm(root, { recursive: true }),
  }
}

/** LevelDB tidies up in the background: the copy is of one moment only when nothing changed while it was made. */
async function copyAtOneMoment(from: string, to: string): Promise<void> {
  for (;;) {
    const before = await stateOf(from)
    await rm(to, { recursive: true, force: true })
    try {
      await cp(from, to, { recursive: true })
    } catch (thrown) {
      if (!isGone(thrown)) throw thrown
    }
    if (before !== undefined && before === (await stateOf(from))) return
  }
}

/** Names, sizes and times of all files; `undefined` when one went while it was looked at. */
async function stateOf(root: string): Promise<string | undefined> {
  try {
    const names = await readdir(root, { recursive: true })
    const stats = await Promise.all(names.map((name) => stat(join(root, name), { bigint: true })))
    return names.map((name, at) => `${name} ${stats[at]?.size} ${stats[at]?.mtimeNs}`).join('\n')
  } catch (thrown) {
    if (isGone(thrown)) return undefined
    throw thrown
  }
}

function isGone(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
}
