/**
 * The Raft log and its hard state.
 *
 * An entry's record holds the check of its predecessor, and its own check covers that: the last check vouches for the
 * whole log, and the ledger, which every batch rewrites, names the last index and that check. A damaged entry, a
 * hole, a tail lost from under a later batch, a replaced suffix that came back: each is found at open and named.
 */
import { z } from 'zod'
import {
  assert,
  bytesSchema,
  encode,
  type LogIndex,
  logIndex,
  type PeerId,
  present,
  term,
} from '../base/index.ts'
import {
  type Entry,
  type HardState,
  type LogStore,
  type LogWrite,
  NEVER_COMPACTED,
  type SavedLog,
} from '../raft/index.ts'
import type { BatchWriter, Change } from './batch-writer.ts'
import type { Engine, Operation } from './engine.ts'
import { entryKey, indexOf, PREFIX } from './keyspace.ts'
import { EMPTY, type Fingerprint, type Ledger } from './ledger.ts'
import { corrupt, decodePayload, seal, unseal } from './record.ts'
import { RecordSet } from './record-set.ts'

const HARD_STATE = 'hard state'
const count = z.int().nonnegative()

/** `previous` is the check of the entry before; 0 before the first. */
const entrySchema = z.strictObject({
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
})

interface Suffix {
  /** Number of entries before it. */
  readonly kept: number
  readonly checks: readonly number[]
  readonly operations: readonly Operation[]
}

export class RaftLog implements LogStore {
  private readonly engine: Engine
  private readonly writer: BatchWriter
  private readonly hardState: RecordSet
  /** The check of each entry, the first one's at 0: what the successor of a kept prefix links to. 8 bytes each. */
  private readonly checks: number[] = []
  private appending = false

  private constructor(engine: Engine, writer: BatchWriter, hardState: RecordSet) {
    this.engine = engine
    this.writer = writer
    this.hardState = hardState
  }

  /** Reads and checks the whole log. @throws CodedError `store.corrupt` */
  static async open(engine: Engine, writer: BatchWriter, ledger: Ledger): Promise<RaftLog> {
    const { hardState, entries } = ledger.sections
    const log = new RaftLog(engine, writer, await RecordSet.open(engine, 'hardState', HARD_STATE, hardState))
    await log.read(entries, (_, check) => log.checks.push(check))
    await log.readHardState()
    return log
  }

  async load(): Promise<SavedLog> {
    await this.writer.flush()
    const entries: Entry[] = []
    await this.read(this.fingerprint, (entry) => entries.push(entry))
    return { hardState: await this.readHardState(), base: NEVER_COMPACTED, entries }
  }

  async append(write: LogWrite): Promise<void> {
    assert(!this.appending, 'one append at a time')
    this.appending = true
    try {
      await this.writer.write(this.change(write))
    } finally {
      this.appending = false
    }
  }

  /** The log on the disk is kept whole. */
  compact(): Promise<void> {
    return Promise.resolve()
  }

  private get last(): LogIndex {
    return logIndex(this.checks.length)
  }

  private get fingerprint(): Fingerprint {
    return { count: this.checks.length, digest: this.checks.at(-1) ?? EMPTY.digest }
  }

  private change({ hardState, entries }: LogWrite): Change {
    const suffix = this.replaceSuffix(entries)
    const state = hardState && this.hardState.change([{ name: '', value: encode(hardState) }])
    const accept = () => {
      this.checks.length = suffix.kept
      for (const check of suffix.checks) this.checks.push(check)
      return { entries: this.fingerprint, ...state?.accept() }
    }
    return { operations: [...suffix.operations, ...(state?.operations ?? [])], accept }
  }

  /** What puts `entries` in the place of everything from the first of them on. */
  private replaceSuffix(entries: readonly Entry[]): Suffix {
    const first = entries[0]
    if (first === undefined) return { kept: this.last, checks: [], operations: [] }
    assert(first.index >= 1 && first.index <= this.last + 1, 'an append leaves no hole')
    const kept = first.index - 1
    const checks: number[] = []
    const operations: Operation[] = []
    let previous = kept === 0 ? EMPTY.digest : present(this.checks[kept - 1], 'check of a stored entry')
    for (const { index, term, kind, data } of entries) {
      assert(index === kept + checks.length + 1, 'appended entries are contiguous')
      const record = seal(entryKey(index), encode({ previous, term, kind, data }))
      operations.push({ type: 'put', key: record.key, value: record.value })
      checks.push(record.check)
      previous = record.check
    }
    for (let index = kept + checks.length + 1; index <= this.last; index += 1)
      operations.push({ type: 'del', key: entryKey(logIndex(index)) })
    return { kept, checks, operations }
  }

  private async read(expected: Fingerprint, visit: (entry: Entry, check: number) => void): Promise<void> {
    const { path } = this.engine
    let found: Fingerprint = EMPTY
    await this.engine.scan(PREFIX.entries, (key, value) => {
      const index = logIndex(found.count + 1)
      const what = `raft entry ${index}`
      const stored = indexOf(key)
      if (stored !== index)
        throw corrupt(path, stored === undefined ? 'the key of a raft entry' : `${what}, which is missing`)
      const { check, payload } = unseal(path, what, key, value)
      const { previous, ...rest } = decodePayload(path, what, entrySchema, payload)
      if (previous !== found.digest) throw corrupt(path, `${what}, which does not follow entry ${index - 1}`)
      visit({ index, ...rest }, check)
      found = { count: index, digest: check }
    })
    if (found.count < expected.count)
      throw corrupt(path, `raft entries ${found.count + 1} to ${expected.count}, which are missing`)
    if (found.count > expected.count)
      throw corrupt(path, `raft entry ${expected.count + 1}, beyond the last that was written`)
    if (found.digest !== expected.digest)
      throw corrupt(path, `raft entry ${found.count}, which is not the one that was written last`)
  }

  private async readHardState(): Promise<HardState | undefined> {
    const payload = (await this.hardState.load()).get('')
    if (payload === undefined) return undefined
    const state = decodePayload(this.engine.path, HARD_STATE, hardStateSchema, payload)
    if (state.commitIndex > this.last)
      throw corrupt(
        this.engine.path,
        `hard state: commits entry ${state.commitIndex}, the log ends at ${this.last}`,
      )
    return { term: state.term, vote: state.vote, commitIndex: state.commitIndex }
  }
}
