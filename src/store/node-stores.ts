/**
 * All stores of a node over one engine, and the output logs beside it. Opening reads and checks everything before the first store is handed out: a
 * node either starts on exactly what it had acknowledged or does not start.
 */
import { dirname, join } from 'node:path'
import type { StateStore } from '../authority/index.ts'
import { assert } from '../base/index.ts'
import type { HardState, LogBase, LogStore } from '../raft/index.ts'
import type { JournalStore, OutputLogs } from '../task/index.ts'
import { BatchWriter, together } from './batch-writer.ts'
import type { Engine } from './engine.ts'
import { Journal } from './journal.ts'
import type { Ledger } from './ledger.ts'
import { openLevelEngine } from './level-engine.ts'
import { MemoryDisk } from './memory-disk.ts'
import { MetaRecords, type MetaStore } from './meta.ts'
import { type OutputFiles, OutputFolder } from './output-files.ts'
import { SegmentedLogs } from './output-logs.ts'
import { RaftLog } from './raft-log.ts'
import { corrupt } from './record.ts'
import { RecordSet } from './record-set.ts'
import { RejoinNote } from './rejoin-note.ts'
import { StateRecords } from './state-records.ts'
import { judgeMark, migrate, readHead, writeHead } from './store-head.ts'

/** Everything that one node keeps. */
export interface NodeStores {
  readonly log: LogStore
  readonly state: StateStore
  readonly submitterJournal: JournalStore
  readonly workerJournal: JournalStore
  /** Files beside the database: what they hold is bounded in itself, and damage in them keeps no node from starting. */
  readonly outputs: { readonly submitter: OutputLogs; readonly worker: OutputLogs }
  readonly meta: MetaStore
  readonly rejoin: Rejoin
  /**
   * In one synced batch: the whole log goes, `base` takes its place, and `records` are all that the state machine has,
   * as of `base.index`. Not while an append is under way.
   * @throws CodedError `store.write_failed`, `limit.exceeded`; then nothing of it was accepted.
   */
  installSnapshot(snapshot: SnapshotWrite): Promise<void>
  /** Waits for the writes under way, writes what was deferred, and lets the folder go. */
  close(): Promise<void>
}

interface SnapshotWrite {
  readonly hardState: HardState
  readonly base: LogBase
  readonly records: ReadonlyMap<string, Uint8Array>
}

/** The way back of a node whose store was rebuilt. While it is pending, nothing can be appended to the log. */
interface Rejoin {
  readonly isPending: boolean
  /**
   * The group has removed this node from its configuration. In one synced batch: the hard state, in which `votesFrom`
   * says when the node may vote again, and the end of the wait.
   * @throws CodedError `store.write_failed`
   */
  done(hardState: HardState): Promise<void>
}

interface OpenOptions {
  /**
   * Makes the store when there is none: for `init` and `join`. A node that starts says `false`, so that an emptied
   * folder is an error and not a new beginning: a voter that forgot its vote would vote again.
   */
  readonly create: boolean
  /** Told of files of output that cannot be removed, and so take room until the next start. */
  readonly onTrouble?: (error: unknown) => void
}

/** What lies in the database, and what a rebuild writes past it. */
interface Opened {
  readonly stores: Omit<NodeStores, 'outputs'>
  readonly writer: BatchWriter
  readonly note: RejoinNote
}

/**
 * Opens the LevelDB in the folder `path`, which no other process may have open.
 * @throws CodedError `store.absent`, `store.in_use`, `store.version`, `store.corrupt`, `store.lost_batches`,
 *   `store.write_failed`
 */
export async function openStores(path: string, options: OpenOptions): Promise<NodeStores> {
  const { stores } = await openOn(await openLevelEngine(path, options.create), options)
  const folder = (end: string) => new OutputFolder(join(outputPath(path), end))
  return await withOutputs(stores, { submitter: folder('submitter'), worker: folder('worker') }, options)
}

/** Where the output logs lie that belong to the database in the folder `path`. */
const outputPath = (path: string): string => join(dirname(path), 'output')

/** The same stores on a disk in memory. @throws as `openStores` */
export async function openMemoryStores(
  disk = new MemoryDisk(),
  options: OpenOptions = { create: true },
): Promise<NodeStores> {
  const { stores } = await openOn(disk.open(), options)
  const { outputs } = disk
  return await withOutputs(
    stores,
    { submitter: outputs.submitter.open(), worker: outputs.worker.open() },
    options,
  )
}

async function withOutputs(
  stores: Opened['stores'],
  files: { readonly submitter: OutputFiles; readonly worker: OutputFiles },
  { onTrouble }: OpenOptions,
): Promise<NodeStores> {
  try {
    const submitter = await SegmentedLogs.open({ files: files.submitter, onTrouble })
    const worker = await SegmentedLogs.open({ files: files.worker, onTrouble })
    const close = async () => {
      await Promise.all([submitter.close(), worker.close()])
      await stores.close()
    }
    return { ...stores, outputs: { submitter, worker }, close }
  } catch (thrown) {
    await stores.close()
    throw thrown
  }
}

export async function openOn(engine: Engine, options: OpenOptions): Promise<Opened> {
  try {
    const head = await readHead(engine)
    if (head === undefined) return await assemble(engine, await begin(engine, options))
    judgeMark(engine.path, head, engine.mark.found)
    const opened = await assemble(engine, head.ledger)
    await engine.mark.start(head.ledger.batch)
    await migrate(opened.writer, head)
    return opened
  } catch (thrown) {
    await engine.close()
    throw thrown
  }
}

/** @throws CodedError `store.corrupt` when there should have been a store. */
async function begin(engine: Engine, { create }: OpenOptions): Promise<Ledger> {
  if (!create || (engine.mark.found ?? 0) > 0) throw corrupt(engine.path, 'all records are missing')
  return await writeHead(engine)
}

async function assemble(engine: Engine, ledger: Ledger): Promise<Opened> {
  const writer = new BatchWriter(engine, ledger)
  const note = await RejoinNote.open(engine, ledger)
  const submitted = await RecordSet.open(engine, 'submitterJournal', ledger)
  const worked = await RecordSet.open(engine, 'workerJournal', ledger)
  const state = await StateRecords.open(engine, writer, ledger)
  const isBarred = () => note.isPending
  const log = await RaftLog.open({
    engine,
    writer,
    ledger,
    appliedIndex: () => state.appliedIndex,
    isBarred,
  })
  const stores: Opened['stores'] = {
    log,
    state,
    submitterJournal: new Journal(writer, submitted),
    workerJournal: new Journal(writer, worked),
    meta: await MetaRecords.open(writer, await RecordSet.open(engine, 'meta', ledger)),
    rejoin: {
      get isPending() {
        return note.isPending
      },
      done: (hardState) =>
        log.exclusively(() => together(log.change({ hardState, entries: [] }), note.clear())),
    },
    installSnapshot: async ({ hardState, base, records }) => {
      assert(!isBarred(), 'a store that was rebuilt takes no part before it has rejoined')
      const replaced = () => together(log.restart(hardState, base), state.replace(base.index, records))
      await log.exclusively(replaced)
    },
    close: () => writer.close(),
  }
  return { stores, writer, note }
}
