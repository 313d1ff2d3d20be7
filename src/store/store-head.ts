/**
 * What a store says of itself: its format, its ledger, and whether the high-water mark agrees. Read before all else.
 *
 * Format 2 came with the high-water mark and the compact ledger. A store of format 1 is migrated at its first opening:
 * it gets its mark first and the new format then, in one batch, so a crash between the two repeats it. From then on a
 * store without its mark is damaged.
 */
import { z } from 'zod'
import { CodedError, encode } from '../base/index.ts'
import type { BatchWriter } from './batch-writer.ts'
import type { Engine, Operation, RecordSource } from './engine.ts'
import { PREFIX, soleKey } from './keyspace.ts'
import { emptyLedger, type Ledger, sealLedger, unsealLedger } from './ledger.ts'
import { corrupt, decodePayload, seal, unseal } from './record.ts'

/** Version of the layout as a whole: keys, sections, ledger, mark. */
const FORMAT_VERSION = 2
const FORMAT = 'the format record'
const formatSchema = z.object({ format: z.int().positive() })

export interface StoreHead {
  readonly format: number
  readonly ledger: Ledger
}

/** `undefined` when the store is empty. @throws CodedError `store.version`, `store.corrupt` */
export async function readHead(source: RecordSource): Promise<StoreHead | undefined> {
  const { path } = source
  let format: number | undefined
  await source.scan(PREFIX.format, (key, value) => {
    format = decodePayload(path, FORMAT, formatSchema, unseal(path, FORMAT, key, value).payload).format
    if (format > FORMAT_VERSION)
      throw new CodedError('store.version', { path, got: format, max: FORMAT_VERSION })
  })
  const ledger = await readLedger(source, format ?? FORMAT_VERSION)
  if (format === undefined && ledger === undefined && (await isEmpty(source))) return undefined
  if (format === undefined) throw corrupt(path, `${FORMAT} is missing`)
  if (ledger === undefined) throw corrupt(path, 'the ledger is missing')
  return { format, ledger }
}

/**
 * A mark behind the ledger is what a crash leaves; a mark ahead of it means that acknowledged batches are gone.
 * @param mark as it was found, `undefined` when there is none.
 * @throws CodedError `store.lost_batches`, `store.corrupt`
 */
export function judgeMark(path: string, { format, ledger }: StoreHead, mark: number | undefined): void {
  if (mark === undefined && format >= 2) throw corrupt(path, 'the high-water mark, which is missing')
  if (mark !== undefined && mark > ledger.batch)
    throw new CodedError('store.lost_batches', {
      path,
      count: mark - ledger.batch,
      got: ledger.batch,
      acknowledged: mark,
    })
}

/** Writes the first batch of a new store. @throws CodedError `store.write_failed` */
export async function writeHead(engine: Engine): Promise<Ledger> {
  const ledger = emptyLedger()
  await engine.mark.start(ledger.batch)
  const { key, value } = sealLedger(ledger)
  await engine.write([putFormat(), { type: 'put', key, value }])
  return ledger
}

/** @throws CodedError `store.write_failed` */
export async function migrate(writer: BatchWriter, { format }: StoreHead): Promise<void> {
  if (format < FORMAT_VERSION) await writer.write({ operations: [putFormat()], accept: () => ({}) })
}

function putFormat(): Operation {
  const { key, value } = seal(soleKey('format'), encode({ format: FORMAT_VERSION }))
  return { type: 'put', key, value }
}

async function readLedger(source: RecordSource, format: number): Promise<Ledger | undefined> {
  let ledger: Ledger | undefined
  await source.scan(PREFIX.ledger, (key, value) => {
    ledger = unsealLedger(source.path, key, value, format)
  })
  return ledger
}

async function isEmpty(source: RecordSource): Promise<boolean> {
  let records = 0
  for (const prefix of Object.values(PREFIX))
    await source.scan(prefix, () => {
      records += 1
    })
  return records === 0
}
