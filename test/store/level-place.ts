import { cp, mkdtemp, rm } from 'node:fs/promises'
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
  const folder = () => join(root, `life-${life}`)
  return {
    open: () => openStores(folder(), { create: true }),
    crash: async (stores) => {
      const from = folder()
      life += 1
      const to = folder()
      await cp(from, to, { recursive: true })
      await cp(`${from}.mark`, `${to}.mark`)
      await stores.close()
    },
    remove: () => rm(root, { recursive: true }),
  }
}
