/** What an owner can do with the store of a stopped node: look at all of it, and begin anew when it is damaged. */
import { resolve } from 'node:path'
import { SystemClock } from '../base/index.ts'
import { checkStores, type RebuildReport, rebuildForRejoin, type StoreReport } from '../store/index.ts'
import { storePath } from './folder.ts'
import { loadIdentity } from './identity/index.ts'

export type { RebuildReport, StoreReport } from '../store/index.ts'

/** @throws CodedError `store.absent`, `store.in_use`, `store.corrupt` */
export async function checkStore(dataDir: string): Promise<StoreReport> {
  const folder = resolve(dataDir)
  await loadIdentity(folder, new SystemClock().wall())
  return checkStores(storePath(folder))
}

/**
 * Log, votes and replicated state are left behind; when the node is started it asks the others to begin anew with it
 * (ADR 0009). Identity and, where they can be read, task journals are kept.
 * @throws CodedError `store.absent` without an identity; `store.in_use`, `store.write_failed`
 */
export async function rejoinStore(dataDir: string): Promise<RebuildReport> {
  const folder = resolve(dataDir)
  await loadIdentity(folder, new SystemClock().wall())
  return rebuildForRejoin(storePath(folder))
}
