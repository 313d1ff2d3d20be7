/**
 * The records of the Raft log: entries, hard state, base; and reading them in order.
 *
 * An entry's record holds the check of its predecessor, and its own check covers that: the last check vouches for the
 * whole log, and the ledger, which every batch rewrites, names the last index and that check. The first entry after a
 * compaction links to the base, which keeps the check of the entry that it replaced. A damaged entry, a hole, a tail
 * lost from under a later batch, a replaced suffix that came back: each is found at open and named.
 *
 * Entries up to the base count for nothing, and any of them may still be there; reading leaves them aside.
 */
import { z } from 'zod'
import {
  bytesSchema,
  type CodedError,
  encode,
  type LogIndex,
  logIndex,
  type PeerId,
  type Term,
  term,
} from '../base/index.ts'
import type { Entry, HardState, LogBase } from '../raft/index.ts'
import type { RecordSource } from './engine.ts'
import { ENTRY_KEY_BYTES, indexOf, PREFIX, readNumber, writeEntryKey, writeNumber } from './keyspace.ts'
import { EMPTY, type Fingerprint } from './ledger.ts'
import {
  type CheckedRecord,
  corrupt,
  decodePayload,
  guarded,
  type OnDamage,
  RecordDraft,
  type SealedRecord,
  unseal,
} from './record.ts'

type EntryKind = Entry['kind']

/** `check` is that of the entry at `index`, to which the next one links; 0 when a snapshot took its place. */
export interface StoredBase extends LogBase {
  readonly check: number
}

export const NEVER_COMPACTED: StoredBase = {
  index: logIndex(0),
  term: term(0),
  configuration: new Uint8Array(),
  check: EMPTY.digest,
}

const count = z.int().nonnegative()

/** Of format 1. `previous` is the check of the entry before; 0 before the first. */
const firstEntrySchema = z.strictObject({
  previous: count,
  term: count.transform(term),
  kind: z.enum(['empty', 'command', 'configuration']),
  data: bytesSchema,
})

const hardStateSchema = z.strictObject({
  term: count.transform(term),
  // A peer id of our own writing: checked when it entered the process that wrote it.
  vote: z.optional(z.string().transform((id) => id as PeerId)),
  commitIndex: count.transform(logIndex),
  votesFrom: z.optional(count.transform(logIndex)),
})

const baseSchema = z.strictObject({
  index: count.transform(logIndex),
  term: count.transform(term),
  configuration: bytesSchema,
  check: count,
})

/** The entry's fields before its data: check of the entry before (4) · term (8) · kind (1). */
const FIELDS_BYTES = 13
const KINDS = ['empty', 'command', 'configuration'] as const satisfies readonly EntryKind[]

/** No CBOR here: these are most of the records that a voter ever writes. */
export function sealEntry({ index, term, kind, data }: Entry, previous: number): SealedRecord {
  const draft = new RecordDraft(ENTRY_KEY_BYTES, FIELDS_BYTES + data.length)
  const { bytes, payloadAt } = draft
  writeEntryKey(bytes, index)
  bytes.writeUInt32BE(previous, payloadAt)
  writeNumber(bytes, payloadAt + 4, term)
  bytes[payloadAt + 12] = KINDS.indexOf(kind)
  bytes.set(data, payloadAt + FIELDS_BYTES)
  return draft.seal(2)
}

interface LinkedEntry {
  readonly previous: number
  readonly term: Term
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/** @throws CodedError `store.corrupt` */
function decodeEntry(path: string, what: string, { version, payload }: CheckedRecord): LinkedEntry {
  if (version === 1) return decodePayload(path, what, firstEntrySchema, payload)
  const kind = KINDS[payload[FIELDS_BYTES - 1] ?? KINDS.length]
  if (payload.length < FIELDS_BYTES || kind === undefined) throw corrupt(path, what)
  const view = new DataView(payload.buffer, payload.byteOffset)
  const data = payload.subarray(FIELDS_BYTES)
  return { previous: view.getUint32(0), term: term(readNumber(view, 4)), kind, data }
}

/** @throws CodedError `store.corrupt` */
export function decodeHardState(path: string, payload: Uint8Array): HardState {
  const state = decodePayload(path, 'hard state', hardStateSchema, payload)
  const { term, vote, commitIndex, votesFrom } = state
  return { term, vote, commitIndex, ...(votesFrom !== undefined && { votesFrom }) }
}

export function encodeHardState({ term, vote, commitIndex, votesFrom }: HardState): Uint8Array {
  return encode({ term, vote, commitIndex, votesFrom })
}

/** @throws CodedError `store.corrupt` */
export function decodeBase(path: string, payload: Uint8Array): StoredBase {
  return decodePayload(path, 'base of the log', baseSchema, payload)
}

export function encodeBase({ index, term, configuration, check }: StoredBase): Uint8Array {
  return encode({ index, term, configuration, check })
}

interface LogParts {
  readonly base: StoredBase
  readonly hardState: HardState | undefined
  readonly lastIndex: number
  readonly appliedIndex: number
}

/** Whether parts that are sound each contradict each other. */
export function checkParts(path: string, parts: LogParts, onDamage: OnDamage): void {
  const { base, hardState, lastIndex, appliedIndex } = parts
  const commits = hardState?.commitIndex ?? 0
  if (base.index > appliedIndex)
    onDamage(
      corrupt(path, `base of the log: at entry ${base.index}, the state machine is at ${appliedIndex}`),
    )
  if (commits > lastIndex)
    onDamage(corrupt(path, `hard state: commits entry ${commits}, the log ends at ${lastIndex}`))
}

interface LogReading {
  readonly base: StoredBase
  /** What the ledger says: the last index, and the check of the entry there. */
  readonly expected: Fingerprint | undefined
  readonly visit: (entry: Entry, check: number) => void
  /** Called for each entry at or below the base that is still there. */
  readonly visitRubbish: (index: LogIndex) => void
  readonly onDamage: OnDamage
}

/** Shows every sound entry after the base in order; each damaged or missing one is damage. */
export async function readEntries(source: RecordSource, reading: LogReading): Promise<void> {
  const { path } = source
  const { base, expected, onDamage } = reading
  let last: number = base.index
  /** The check of the entry at `last`; unknown when that is damaged. */
  let link: number | undefined = base.check
  await source.scan(PREFIX.entries, (key, value) => {
    const index = indexOf(key)
    if (index === undefined) return onDamage(corrupt(path, 'the key of a raft entry'))
    if (index <= base.index) return reading.visitRubbish(index)
    if (expected !== undefined && index > expected.count)
      return onDamage(corrupt(path, `raft entry ${index}, beyond the last that was written`))
    if (index > last + 1) onDamage(missing(path, last + 1, index - 1))
    const previous = index === last + 1 ? link : undefined
    last = index
    link = undefined
    guarded(onDamage, () => {
      const { entry, check } = unsealEntry(path, { index, previous, key, value })
      link = check
      reading.visit(entry, check)
    })
  })
  if (expected === undefined) return
  if (last < expected.count) onDamage(missing(path, last + 1, expected.count))
  else if (link !== undefined && link !== expected.digest)
    onDamage(corrupt(path, `raft entry ${last}, which is not the one that was written last`))
}

interface RawEntry {
  readonly index: LogIndex
  /** What it must link to; `undefined` when that is not known. */
  readonly previous: number | undefined
  readonly key: Uint8Array
  readonly value: Uint8Array
}

function unsealEntry(path: string, raw: RawEntry): { entry: Entry; check: number } {
  const { index, previous: expected } = raw
  const what = `raft entry ${index}`
  const record = unseal(path, what, raw.key, raw.value)
  const { previous, term, kind, data } = decodeEntry(path, what, record)
  if (expected !== undefined && previous !== expected)
    throw corrupt(path, `${what}, which does not follow entry ${index - 1}`)
  return { entry: { index, term, kind, data }, check: record.check }
}

function missing(path: string, from: number, to: number): CodedError {
  return corrupt(
    path,
    from === to ? `raft entry ${from}, which is missing` : `raft entries ${from} to ${to}, which are missing`,
  )
}
