import { LIMITS, type UnixMs } from '../base/index.ts'
import type { OfferJournal } from './offer-journal.ts'

interface Finished {
  /** Since when. */
  readonly at: UnixMs
  /** Something of it may still execute: nobody is told that it is over, its lease has to run out. */
  readonly mayBeLeft: boolean
}

/**
 * Keys of attempts that are over for good, so that a late repetition of their offer starts nothing. Those that had a result are on disk for
 * `LIMITS.finishedOfferKeptMs`; of refused ones nothing is left there, and their lease refuses them, too.
 */
export class FinishedOffers {
  private readonly journal: OfferJournal
  /** Oldest first. */
  private readonly keys = new Map<string, Finished>()

  constructor(journal: OfferJournal) {
    this.journal = journal
  }

  get(key: string): Finished | undefined {
    return this.keys.get(key)
  }

  add(key: string, finished: Finished): void {
    this.keys.set(key, finished)
    for (const [oldest, { at }] of this.keys) {
      const isKept =
        finished.at - at < LIMITS.finishedOfferKeptMs && this.keys.size <= LIMITS.finishedOffersKeptMax
      if (isKept) return
      this.keys.delete(oldest)
      this.journal.note(oldest, () => undefined)
    }
  }
}
