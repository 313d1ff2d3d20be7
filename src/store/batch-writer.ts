/**
 * The one way to the disk. Changes that wait while a batch is being written go into the next one together (group
 * commit), in the order in which they came; each batch is synced and carries the ledger as it is after it.
 *
 * One order for all sections is what gives the ledger its meaning, so the stores do not write on their own. And no
 * batch is left unsynced: LevelDB starts a new log file without syncing the old one, so an unsynced batch could
 * vanish in a power cut *under* later ones that were synced. A change that need not be durable at once (`defer`)
 * waits in memory instead and rides on the next batch, for nothing.
 *
 * The high-water mark follows each batch and delays none; once it cannot be kept, nothing more is written either.
 * After a failed write nobody knows what the disk holds; every later write is refused with the same error.
 */
import { assert, CodedError, LIMITS } from '../base/index.ts'
import type { Engine, Operation } from './engine.ts'
import type { Section } from './keyspace.ts'
import { type Fingerprint, type Ledger, sealLedger } from './ledger.ts'

export interface Change {
  readonly operations: readonly Operation[]
  /**
   * Called at once when the change is accepted, in the order of acceptance: the sections' fingerprints with the
   * change in them. Not called when it is refused, so a store advances its own bookkeeping here.
   */
  readonly accept: () => Partial<Readonly<Record<Section, Fingerprint>>>
  /** Called when the change is on the disk. */
  readonly written?: () => void
}

interface Waiting {
  readonly operations: readonly Operation[]
  readonly fingerprints: Partial<Readonly<Record<Section, Fingerprint>>>
  /** Absent for what was deferred. */
  readonly settle: PromiseWithResolvers<void> | undefined
  readonly written: (() => void) | undefined
}

const NOTHING: Change = { operations: [], accept: () => ({}) }

/** Several changes as one: all of them in one batch. */
export function together(...changes: readonly Change[]): Change {
  return {
    operations: changes.flatMap((one) => one.operations),
    accept: () => Object.assign({}, ...changes.map((one) => one.accept())),
    written: () => {
      for (const one of changes) one.written?.()
    },
  }
}

export class BatchWriter {
  private readonly engine: Engine
  private ledger: Ledger
  private waiting: Waiting[] = []
  private waitingBytes = 0
  private writing = false
  private closed = false
  private failure: CodedError | undefined

  constructor(engine: Engine, ledger: Ledger) {
    this.engine = engine
    this.ledger = ledger
  }

  /**
   * Resolves when the change is on the disk.
   * @throws CodedError `store.write_failed`, `limit.exceeded`; then nothing of it was accepted.
   */
  write(change: Change): Promise<void> {
    const settle = Promise.withResolvers<void>()
    this.enqueue(change, settle)
    void this.drain()
    return settle.promise
  }

  /** Accepts the change for the next batch, and waits for that only when too much is waiting. @throws as `write` */
  async defer(change: Change): Promise<void> {
    this.enqueue(change, undefined)
    if (this.waitingBytes > LIMITS.storeDeferredBytesMax) await this.flush()
  }

  /** Resolves when everything that was accepted is on the disk. @throws CodedError `store.write_failed` */
  async flush(): Promise<void> {
    if (this.writing || this.waiting.length > 0) await this.write(NOTHING)
  }

  /** Flushes what can be flushed and closes the engine. */
  async close(): Promise<void> {
    assert(!this.closed, 'the store was closed twice')
    const flushed = this.failure === undefined ? this.flush() : undefined
    this.closed = true
    try {
      await flushed
    } finally {
      await this.engine.close()
    }
  }

  private enqueue(change: Change, settle: PromiseWithResolvers<void> | undefined): void {
    assert(!this.closed, 'a closed store was written')
    if (this.failure !== undefined) throw this.failure
    const bytes = sizeOf(change.operations)
    const max = LIMITS.storeQueueBytesMax
    if (this.waitingBytes + bytes > max)
      throw new CodedError('limit.exceeded', { what: 'bytes waiting for the disk', got: bytes, max })
    this.waitingBytes += bytes
    const { operations, written } = change
    this.waiting.push({ operations, fingerprints: change.accept(), settle, written })
  }

  /** Writes batch after batch until nobody waits for one. */
  private async drain(): Promise<void> {
    if (this.writing) return
    this.writing = true
    while (this.failure === undefined && this.waiting.some(({ settle }) => settle !== undefined)) {
      const group = this.waiting
      this.waiting = []
      this.waitingBytes = 0
      await this.writeGroup(group)
    }
    this.writing = false
  }

  private async writeGroup(group: readonly Waiting[]): Promise<void> {
    const sections = Object.assign({ ...this.ledger.sections }, ...group.map((one) => one.fingerprints))
    const ledger: Ledger = { batch: this.ledger.batch + 1, sections }
    const { key, value } = sealLedger(ledger)
    const operations = group.flatMap((one) => one.operations)
    operations.push({ type: 'put', key, value })
    try {
      if (this.engine.mark.failure !== undefined) throw this.engine.mark.failure
      await this.engine.write(operations)
    } catch (thrown) {
      this.fail(group, thrown)
      return
    }
    this.ledger = ledger
    this.engine.mark.advance(ledger.batch)
    for (const one of group) {
      one.written?.()
      one.settle?.resolve()
    }
  }

  private fail(group: readonly Waiting[], thrown: unknown): void {
    const failure =
      thrown instanceof CodedError
        ? thrown
        : new CodedError(
            'store.write_failed',
            { path: this.engine.path, reason: String(thrown) },
            { cause: thrown },
          )
    this.failure = failure
    const refused = [...group, ...this.waiting]
    this.waiting = []
    this.waitingBytes = 0
    for (const one of refused) one.settle?.reject(failure)
  }
}

function sizeOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const operation of operations)
    bytes += operation.key.length + (operation.type === 'put' ? operation.value.length : 0)
  return bytes
}
