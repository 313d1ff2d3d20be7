import type { Change } from './batch-writer.ts'
import type { Engine } from './engine.ts'
import type { Ledger } from './ledger.ts'
import { RecordSet } from './record-set.ts'

/**
 * Says that this store was rebuilt (`rebuild.ts`): it has forgotten its votes and its log, and until the group has
 * removed the node from its configuration the node may not take part. On the disk, so it lives through restarts.
 */
export class RejoinNote {
  private readonly records: RecordSet
  private pending: boolean

  private constructor(records: RecordSet) {
    this.records = records
    this.pending = [...records.names].length > 0
  }

  /** @throws CodedError `store.corrupt` */
  static async open(engine: Engine, ledger: Ledger): Promise<RejoinNote> {
    return new RejoinNote(await RecordSet.open(engine, 'rejoin', ledger))
  }

  get isPending(): boolean {
    return this.pending
  }

  set(): Change {
    return this.change(new Uint8Array())
  }

  clear(): Change {
    return this.change(undefined)
  }

  private change(value: Uint8Array | undefined): Change {
    const change = this.records.change([{ name: '', value }])
    const accept = () => {
      this.pending = value !== undefined
      return change.accept()
    }
    return { operations: change.operations, accept }
  }
}
