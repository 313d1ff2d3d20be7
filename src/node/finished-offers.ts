import { LIMITS, type UnixMs } from '../base/index.ts'
import type { OfferJournal } from './offer-journal.ts'

/**
 * Keys of attempts that are over for good, so that a late repetition of their offer starts nothing. Those that had a result are on disk for
 * `LIMITS.finishedOfferKeptMs`; of refused ones nothing is left there, and their lease refuses them, too.
 */
export class FinishedOffers {
  private readonly journal: OfferJournal
  /** Since when, oldest first. */
  private readonly keys = new Map<string, UnixMs>()

  constructor(journal: OfferJournal) {
    this.journal = journal
  }

  has(key: string): boolean {
    return this.keys.has(key)
  }

  add(key: string, at: UnixMs): void {
    this.keys.set(key, at)
    for (const [oldest, since] of this.keys) {
      const isKept = at - since < LIMITS.finishedOfferKeptMs && this.keys.size <= LIMITS.finishedOffersKeptMax
      if (isKept) return
      this.keys.delete(oldest)
      this.journal.note(oldest, () => undefined)
    }
  }
}
