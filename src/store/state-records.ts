import { z } from 'zod'
import type { RecordChange, SavedState, StateStore } from '../authority/index.ts'
import { assert, encode, type LogIndex, logIndex } from '../base/index.ts'
import type { BatchWriter } from './batch-writer.ts'
import type { Engine } from './engine.ts'
import type { Ledger } from './ledger.ts'
import { decodePayload } from './record.ts'
import { RecordSet } from './record-set.ts'

const APPLIED = 'applied index'
const appliedSchema = z.int().nonnegative().transform(logIndex)

/**
 * The state machine's records and the applied index, which reach the disk in one batch. A commit is deferred: it
 * rides on the next synced batch, so it costs no write of its own. A crash loses what still waited, whole commits
 * from the end, and the log is applied again from there.
 */
export class StateRecords implements StateStore {
  private readonly engine: Engine
  private readonly writer: BatchWriter
  private readonly applied: RecordSet
  private readonly records: RecordSet

  private constructor(engine: Engine, writer: BatchWriter, applied: RecordSet, records: RecordSet) {
    this.engine = engine
    this.writer = writer
    this.applied = applied
    this.records = records
  }

  /** Reads and checks all records. @throws CodedError `store.corrupt` */
  static async open(engine: Engine, writer: BatchWriter, ledger: Ledger): Promise<StateRecords> {
    const { applied, state } = ledger.sections
    return new StateRecords(
      engine,
      writer,
      await RecordSet.open(engine, 'applied', APPLIED, applied),
      await RecordSet.open(engine, 'state', 'state record', state),
    )
  }

  async load(): Promise<SavedState> {
    await this.writer.flush()
    return { appliedIndex: await this.readApplied(), records: await this.records.load() }
  }

  async commit(appliedIndex: LogIndex, changes: readonly RecordChange[]): Promise<void> {
    const named = changes.map(({ key, value }) => {
      assert(key !== '', 'a state record has a key')
      return { name: key, value }
    })
    const records = this.records.change(named)
    const applied = this.applied.change([{ name: '', value: encode(appliedIndex) }])
    await this.writer.defer({
      operations: [...records.operations, ...applied.operations],
      accept: () => ({ ...records.accept(), ...applied.accept() }),
    })
  }

  private async readApplied(): Promise<LogIndex> {
    const payload = (await this.applied.load()).get('')
    return payload === undefined
      ? logIndex(0)
      : decodePayload(this.engine.path, APPLIED, appliedSchema, payload)
  }
}
