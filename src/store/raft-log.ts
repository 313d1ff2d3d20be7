/**
 * The Raft log and its hard state: what is kept in memory of it, and what each change does to the records
 * (`log-records.ts`).
 *
 * Compaction only moves the base. The entries below it count for nothing from then on, and are removed behind the back of
 * the batches: thousands of deletions in one of them would be felt by whoever waits for it.
 */
import { assert, type LogIndex, logIndex, present } from '../base/index.ts'
import type { Entry, HardState, LogBase, LogStore, LogWrite, SavedLog } from '../raft/index.ts'
import { type BatchWriter, type Change, together } from './batch-writer.ts'
import type { Engine, Operation } from './engine.ts'
import { entryKey } from './keyspace.ts'
import { EMPTY, type Fingerprint, type Ledger } from './ledger.ts'
import {
  checkParts,
  decodeBase,
  decodeHardState,
  encodeBase,
  encodeHardState,
  NEVER_COMPACTED,
  readEntries,
  type StoredBase,
  sealEntry,
} from './log-records.ts'
import { refuse } from './record.ts'
import { RecordSet } from './record-set.ts'

interface RaftLogInit {
  readonly engine: Engine
  readonly writer: BatchWriter
  readonly ledger: Ledger
  /** Of the state machine's records, with everything that was deferred. */
  readonly appliedIndex: () => LogIndex
  /** While it says so, nothing may be promised: no append. */
  readonly isBarred: () => boolean
}

/** Puts records in the place of everything from one index on. */
interface Suffix {
  readonly checks: readonly number[]
  readonly operations: readonly Operation[]
}

export class RaftLog implements LogStore {
  private readonly init: RaftLogInit
  private readonly hardStates: RecordSet
  private readonly bases: RecordSet
  private hardState: HardState | undefined
  private base: StoredBase = NEVER_COMPACTED
  /** The check of each entry after the base: what the successor of a kept prefix links to. 8 bytes each. */
  private readonly checks: number[] = []
  /** The lowest index whose entry may still be stored. */
  private lowest = 1
  /** What opening read, for the first `load`, unless it is outdated by then. */
  private opened: Entry[] | undefined = []
  private isAppending = false

  private constructor(init: RaftLogInit, hardStates: RecordSet, bases: RecordSet) {
    this.init = init
    this.hardStates = hardStates
    this.bases = bases
  }

  /** Reads and checks the whole log. @throws CodedError `store.corrupt` */
  static async open(init: RaftLogInit): Promise<RaftLog> {
    const { engine, ledger } = init
    const hardStates = await RecordSet.open(engine, 'hardState', ledger)
    const log = new RaftLog(init, hardStates, await RecordSet.open(engine, 'base', ledger))
    await log.read(ledger.sections.entries)
    return log
  }

  async load(): Promise<SavedLog> {
    await this.init.writer.flush()
    const { base, hardState } = this
    const entries = this.opened ?? (await this.readAgain())
    this.opened = undefined
    const { index, term, configuration } = base
    return { hardState, base: { index, term, configuration }, entries }
  }

  async append(write: LogWrite): Promise<void> {
    assert(!this.init.isBarred(), 'a store that was rebuilt takes no part before it has rejoined')
    await this.exclusively(() => this.change(write))
  }

  async compact(base: LogBase): Promise<void> {
    const dropped = base.index - this.base.index
    if (dropped <= 0) return
    assert(base.index <= this.init.appliedIndex(), 'the state machine has what the log drops')
    const check = present(this.checks[dropped - 1], 'check of a stored entry')
    const moved = this.moveBase({ ...base, check })
    const accept = () => {
      this.checks.splice(0, dropped)
      return moved.accept()
    }
    await this.init.writer.defer({
      operations: moved.operations,
      accept,
      written: () => this.tidy(base.index),
    })
  }

  /** What makes `base`, the place of a snapshot, all there is of the log. */
  restart(hardState: HardState, base: LogBase): Change {
    assert(base.index >= this.base.index, 'a snapshot does not go back behind a compaction')
    const moved = this.moveBase({ ...base, check: EMPTY.digest })
    const removed = this.removeFrom(base.index + 1)
    const state = this.changeHardState(hardState)
    const accept = () => {
      this.checks.length = 0
      return { ...moved.accept(), ...state.accept() }
    }
    const operations = [...removed, ...moved.operations, ...state.operations]
    return { operations, accept, written: () => this.tidy(base.index) }
  }

  /** What `append` does to the records. */
  change({ hardState, entries }: LogWrite): Change {
    const suffix = this.replaceSuffix(entries)
    const accept = () => {
      const first = entries[0]
      if (first !== undefined) this.checks.length = first.index - 1 - this.base.index
      for (const check of suffix.checks) this.checks.push(check)
      this.opened = undefined
      return { entries: this.fingerprint }
    }
    const appended = { operations: suffix.operations, accept }
    return hardState === undefined ? appended : together(appended, this.changeHardState(hardState))
  }

  /** One append, or what stands for one, at a time. */
  async exclusively(change: () => Change): Promise<void> {
    assert(!this.isAppending, 'one append at a time')
    this.isAppending = true
    try {
      await this.init.writer.write(change())
    } finally {
      this.isAppending = false
    }
  }

  private get last(): LogIndex {
    return logIndex(this.base.index + this.checks.length)
  }

  private get fingerprint(): Fingerprint {
    return { count: this.last, digest: this.checks.at(-1) ?? this.base.check }
  }

  private changeHardState(hardState: HardState): Change {
    const change = this.hardStates.change([{ name: '', value: encodeHardState(hardState) }])
    const accept = () => {
      this.hardState = hardState
      return change.accept()
    }
    return { operations: change.operations, accept }
  }

  private moveBase(base: StoredBase): Change {
    const change = this.bases.change([{ name: '', value: encodeBase(base) }])
    const accept = () => {
      this.base = base
      this.opened = undefined
      return { ...change.accept(), entries: this.fingerprint }
    }
    return { operations: change.operations, accept }
  }

  /** Discards the entries up to `index`, when the disk has a base there. */
  private tidy(index: LogIndex): void {
    if (this.lowest > index) return
    this.init.engine.discard(entryKey(this.lowest), entryKey(index))
    this.lowest = index + 1
  }

  private replaceSuffix(entries: readonly Entry[]): Suffix {
    const first = entries[0]
    if (first === undefined) return { checks: [], operations: [] }
    assert(first.index > this.base.index, 'what was compacted is not replaced')
    assert(first.index <= this.last + 1, 'an append leaves no hole')
    const kept = first.index - 1 - this.base.index
    const checks: number[] = []
    const operations: Operation[] = []
    let previous = kept === 0 ? this.base.check : present(this.checks[kept - 1], 'check of a stored entry')
    for (const entry of entries) {
      assert(entry.index === first.index + checks.length, 'appended entries are contiguous')
      const { key, value, check } = sealEntry(entry, previous)
      operations.push({ type: 'put', key, value })
      checks.push(check)
      previous = check
    }
    operations.push(...this.removeFrom(first.index + checks.length))
    return { checks, operations }
  }

  private removeFrom(from: number): readonly Operation[] {
    const operations: Operation[] = []
    for (let index = from; index <= this.last; index += 1) operations.push(removal(index))
    return operations
  }

  private async read(expected: Fingerprint): Promise<void> {
    const { engine, appliedIndex } = this.init
    const base = (await this.bases.load()).get('')
    if (base !== undefined) this.base = decodeBase(engine.path, base)
    this.lowest = this.base.index + 1
    await readEntries(engine, {
      base: this.base,
      expected,
      visit: (entry, check) => {
        this.checks.push(check)
        this.opened?.push(entry)
      },
      visitRubbish: (index) => {
        this.lowest = Math.min(this.lowest, index)
      },
      onDamage: refuse,
    })
    const hardState = (await this.hardStates.load()).get('')
    if (hardState !== undefined) this.hardState = decodeHardState(engine.path, hardState)
    const parts = { base: this.base, hardState: this.hardState, lastIndex: this.last }
    checkParts(engine.path, { ...parts, appliedIndex: appliedIndex() }, refuse)
  }

  private async readAgain(): Promise<Entry[]> {
    const entries: Entry[] = []
    await readEntries(this.init.engine, {
      base: this.base,
      expected: this.fingerprint,
      visit: (entry) => entries.push(entry),
      visitRubbish: () => undefined,
      onDamage: refuse,
    })
    return entries
  }
}

function removal(index: number): Operation {
  return { type: 'del', key: entryKey(logIndex(index)) }
}
