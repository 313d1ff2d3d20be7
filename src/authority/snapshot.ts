/**
 * The whole replicated state as bytes: `[version, [[key, value], …]]` with the records that a store would hold, in the
 * order of their keys. Two replicas that applied the same log make the same bytes.
 *
 * What comes in is checked down to the last field before anything is stored: a snapshot that a node wrote and could not
 * read again would keep it from ever starting.
 */
import { z } from 'zod'
import { bytesSchema, CodedError, decode, encode, LIMITS } from '../base/index.ts'
import { Tables } from './tables.ts'

const SNAPSHOT_VERSION = 1

const snapshot = z.tuple([
  z.literal(SNAPSHOT_VERSION, { error: 'another version of populi made it' }),
  z.array(z.tuple([z.string(), bytesSchema])),
])

export function encodeSnapshot(tables: Tables): Uint8Array {
  return encode([SNAPSHOT_VERSION, tables.records()])
}

/**
 * The records, each of which `AuthorityStateMachine.install` will take.
 * @throws CodedError `limit.exceeded` for more than `LIMITS.snapshotBytesMax`, `wire.malformed`
 */
export function decodeSnapshot(data: Uint8Array): ReadonlyMap<string, Uint8Array> {
  if (data.length > LIMITS.snapshotBytesMax) {
    throw new CodedError('limit.exceeded', {
      what: 'snapshot of the authority in bytes',
      got: data.length,
      max: LIMITS.snapshotBytesMax,
    })
  }
  const [, list] = decode(snapshot, data, 'authority snapshot')
  const records = new Map(list)
  const isOrdered = list.every(([key], at) => at === 0 || (list[at - 1]?.[0] ?? key) < key)
  if (!isOrdered) {
    throw new CodedError('wire.malformed', { what: 'authority snapshot', reason: 'records out of order' })
  }
  new Tables().restore(records)
  return records
}
