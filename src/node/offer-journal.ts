import type { JournalStore } from '../task/index.ts'

/** What is to be on disk under a key, as it is when it is written; `undefined` removes it. */
type ValueNow = () => Uint8Array | undefined

/**
 * The worker's journal. Most changes of an attempt need no write of their own: they are noted, and go out with the next one that somebody
 * waits for, or when the worker next looks. An attempt that is over by then was written once for all of them.
 */
export class OfferJournal {
  private readonly store: JournalStore
  private readonly noted = new Map<string, ValueNow>()

  constructor(store: JournalStore) {
    this.store = store
  }

  get hasNotes(): boolean {
    return this.noted.size > 0
  }

  /** Durable when it resolves. @throws CodedError `store.write_failed` */
  write(key: string, value: Uint8Array): Promise<void> {
    this.noted.delete(key)
    return this.store.write([{ key, value }, ...this.takeNotes()])
  }

  note(key: string, value: ValueNow): void {
    this.noted.set(key, value)
  }

  /** Writes what was noted. @throws CodedError `store.write_failed` */
  async flush(): Promise<void> {
    if (this.hasNotes) await this.store.write(this.takeNotes())
  }

  private takeNotes(): { readonly key: string; readonly value: Uint8Array | undefined }[] {
    const notes = Array.from(this.noted, ([key, value]) => ({ key, value: value() }))
    this.noted.clear()
    return notes
  }
}
