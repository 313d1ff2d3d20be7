/**
 * All stores of a node over one engine. Opening reads and checks everything before the first store is handed out: a
 * node either starts on exactly what it had acknowledged or does not start.
 */
import { z } from 'zod'
import type { StateStore } from '../authority/index.ts'
import { CodedError, encode } from '../base/index.ts'
import type { LogStore } from '../raft/index.ts'
import type { JournalStore } from '../task/index.ts'
import { BatchWriter } from './batch-writer.ts'
import type { Engine, Operation } from './engine.ts'
import { Journal } from './journal.ts'
import { PREFIX, soleKey } from './keyspace.ts'
import { emptyLedger, type Ledger, sealLedger, unsealLedger } from './ledger.ts'
import { openLevelEngine } from './level-engine.ts'
import { MemoryDisk } from './memory-disk.ts'
import { MetaRecords, type MetaStore } from './meta.ts'
import { RaftLog } from './raft-log.ts'
import { corrupt, decodePayload, seal, unseal } from './record.ts'
import { RecordSet } from './record-set.ts'
import { StateRecords } from './state-records.ts'

/** Everything that one node keeps. */
export interface NodeStores {
  readonly log: LogStore
  readonly state: StateStore
  readonly submitterJournal: JournalStore
  readonly workerJournal: JournalStore
  readonly meta: MetaStore
  /** Waits for the writes under way, writes what was deferred, and lets the folder go. */
  close(): Promise<void>
}

interface OpenOptions {
  /**
   * Makes the store when there is none: for `init` and `join`. A node that starts says `false`, so that an emptied
   * folder is an error and not a new beginning: a voter that forgot its vote would vote again.
   */
  readonly create: boolean
}

/** Version of the layout as a whole: keys, sections, ledger. */
const FORMAT_VERSION = 1
const FORMAT = 'the format record'
const formatSchema = z.object({ format: z.int().positive() })

/**
 * Opens the LevelDB in the folder `path`, which no other process may have open.
 * @throws CodedError `store.absent`, `store.in_use`, `store.version`, `store.corrupt`, `store.write_failed`
 */
export async function openStores(path: string, options: OpenOptions): Promise<NodeStores> {
  return openOn(await openLevelEngine(path, options.create), options)
}

/** The same stores on a disk in memory. @throws as `openStores` */
export async function openMemoryStores(
  disk = new MemoryDisk(),
  options: OpenOptions = { create: true },
): Promise<NodeStores> {
  return openOn(disk.open(), options)
}

async function openOn(engine: Engine, options: OpenOptions): Promise<NodeStores> {
  try {
    const ledger = (await readLedger(engine)) ?? (await begin(engine, options))
    return await assemble(engine, ledger)
  } catch (thrown) {
    await engine.close()
    throw thrown
  }
}

async function assemble(engine: Engine, ledger: Ledger): Promise<NodeStores> {
  const { submitterJournal, workerJournal, meta } = ledger.sections
  const writer = new BatchWriter(engine, ledger)
  const submitted = await RecordSet.open(
    engine,
    'submitterJournal',
    'submitter journal record',
    submitterJournal,
  )
  const worked = await RecordSet.open(engine, 'workerJournal', 'worker journal record', workerJournal)
  return {
    log: await RaftLog.open(engine, writer, ledger),
    state: await StateRecords.open(engine, writer, ledger),
    submitterJournal: new Journal(writer, submitted),
    workerJournal: new Journal(writer, worked),
    meta: await MetaRecords.open(writer, await RecordSet.open(engine, 'meta', 'meta record', meta)),
    close: () => writer.close(),
  }
}

/** `undefined` when the store is empty. @throws CodedError `store.version`, `store.corrupt` */
async function readLedger(engine: Engine): Promise<Ledger | undefined> {
  const { path } = engine
  let format: number | undefined
  let ledger: Ledger | undefined
  await engine.scan(PREFIX.format, (key, value) => {
    format = decodePayload(path, FORMAT, formatSchema, unseal(path, FORMAT, key, value).payload).format
    if (format > FORMAT_VERSION)
      throw new CodedError('store.version', { path, got: format, max: FORMAT_VERSION })
  })
  await engine.scan(PREFIX.ledger, (key, value) => {
    ledger = unsealLedger(path, key, value)
  })
  if (format === undefined && ledger === undefined && (await isEmpty(engine))) return undefined
  if (format === undefined) throw corrupt(path, `${FORMAT} is missing`)
  if (ledger === undefined) throw corrupt(path, 'the ledger is missing')
  return ledger
}

async function isEmpty(engine: Engine): Promise<boolean> {
  let records = 0
  for (const prefix of Object.values(PREFIX))
    await engine.scan(prefix, () => {
      records += 1
    })
  return records === 0
}

/** Writes the first batch of a new store. @throws CodedError `store.corrupt` when there should have been one. */
async function begin(engine: Engine, { create }: OpenOptions): Promise<Ledger> {
  if (!create) throw corrupt(engine.path, 'all records are missing')
  const ledger = emptyLedger()
  const format = seal(soleKey('format'), encode({ format: FORMAT_VERSION }))
  const operations = [format, sealLedger(ledger)].map(
    ({ key, value }): Operation => ({ type: 'put', key, value }),
  )
  await engine.write(operations)
  return ledger
}
