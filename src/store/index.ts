/**
 * store: what a node keeps on its disk. One LevelDB per node with a key range per section; every record is checked,
 * the Raft log is chained, and a ledger in every batch tells when something is missing (docs/decisions/0004). The
 * ports live with their cores; this room implements them, on LevelDB and on a disk in memory.
 */

export { removeStores } from './level-folder.ts'
export { LineRing } from './line-ring.ts'
export { MemoryDisk } from './memory-disk.ts'
export type { MetaStore } from './meta.ts'
export { type NodeStores, openMemoryStores, openStores } from './node-stores.ts'
export { type RebuildReport, rebuildForRejoin, rebuildMemoryStores } from './rebuild.ts'
export { checkStores, type StoreReport } from './store-check.ts'
