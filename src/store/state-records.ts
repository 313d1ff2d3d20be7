import { z } from 'zod'
import type { RecordChange, SavedState, StateStore } from '../authority/index.ts'
import { assert, encode, type LogIndex, logIndex } from '../base/index.ts'
import type { BatchWriter, Change } from './batch-writer.ts'
import type { Engine } from './engine.ts'
import type { Ledger } from './ledger.ts'
import { decodePayload } from './record.ts'
import { type NamedChange, RecordSet } from './record-set.ts'

const appliedSchema = z.int().nonnegative().transform(logIndex)

/** @throws CodedError `store.corrupt` */
export function decodeApplied(path: string, payload: Uint8Array): LogIndex {
  return decodePayload(path, 'applied index', appliedSchema, payload)
}

/**
 * The state machine's records and the applied index, which reach the disk in one batch. A commit is deferred: it
 * rides on the next synced batch, so it costs no write of its own. A crash loses what still waited, whole commits
 * from the end, and the log is applied again from there.
 */
export class StateRecords implements StateStore {
  private readonly writer: BatchWriter
  private readonly applied: RecordSet
  private readonly records: RecordSet
  private index = logIndex(0)

  private constructor(writer: BatchWriter, applied: RecordSet, records: RecordSet) {
    this.writer = writer
    this.applied = applied
    this.records = records
  }

  /** Reads and checks all records. @throws CodedError `store.corrupt` */
  static async open(engine: Engine, writer: BatchWriter, ledger: Ledger): Promise<StateRecords> {
    const applied = await RecordSet.open(engine, 'applied', ledger)
    const state = new StateRecords(writer, applied, await RecordSet.open(engine, 'state', ledger))
    const payload = (await applied.load()).get('')
    if (payload !== undefined) state.index = decodeApplied(engine.path, payload)
    return state
  }

  /** With every commit that was accepted. */
  get appliedIndex(): LogIndex {
    return this.index
  }

  async load(): Promise<SavedState> {
    await this.writer.flush()
    return { appliedIndex: this.index, records: await this.records.load() }
  }

  async commit(appliedIndex: LogIndex, changes: readonly RecordChange[]): Promise<void> {
    const named = changes.map(({ key, value }) => ({ name: key, value }))
    await this.writer.defer(this.change(appliedIndex, named))
  }

  /** What puts `records` in the place of all that there are. */
  replace(appliedIndex: LogIndex, records: ReadonlyMap<string, Uint8Array>): Change {
    const changes: NamedChange[] = Array.from(records, ([name, value]) => ({ name, value }))
    for (const name of this.records.names) if (!records.has(name)) changes.push({ name, value: undefined })
    return this.change(appliedIndex, changes)
  }

  private change(appliedIndex: LogIndex, changes: readonly NamedChange[]): Change {
    for (const { name } of changes) assert(name !== '', 'a state record has a key')
    const records = this.records.change(changes)
    const applied = this.applied.change([{ name: '', value: encode(appliedIndex) }])
    const accept = () => {
      this.index = appliedIndex
      return { ...records.accept(), ...applied.accept() }
    }
    return { operations: [...records.operations, ...applied.operations], accept }
  }
}
