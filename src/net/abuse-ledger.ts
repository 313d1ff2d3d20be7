/**
 * Which peers have broken the framing rules too often, and until when they stay shut out. One broken frame may be
 * a defect or a damaged link and costs the stream; a run of them costs the connection.
 */
import type { BootMs, PeerId } from '../base/index.ts'
import type { NetSettings } from './settings.ts'

interface Account {
  violations: number
  sinceMs: number
  timesBarred: number
  barredUntilMs: number
}

export class AbuseLedger {
  private readonly settings: NetSettings
  private readonly accounts = new Map<PeerId, Account>()

  constructor(settings: NetSettings) {
    this.settings = settings
  }

  /** Notes a violation. True when the peer is shut out from now on. */
  record(peer: PeerId, now: BootMs): boolean {
    const account = this.accounts.get(peer) ?? {
      violations: 0,
      sinceMs: now,
      timesBarred: 0,
      barredUntilMs: 0,
    }
    this.accounts.set(peer, account)
    if (now - account.sinceMs > this.settings.abuseWindowMs) {
      account.violations = 0
      account.sinceMs = now
    }
    account.violations += 1
    if (account.violations < this.settings.violationsMax) return false
    const { barredMsMin, barredMsMax } = this.settings
    account.barredUntilMs = now + Math.min(barredMsMax, barredMsMin * 2 ** Math.min(account.timesBarred, 30))
    account.timesBarred += 1
    account.violations = 0
    return true
  }

  isBarred(peer: PeerId, now: BootMs): boolean {
    return now < (this.accounts.get(peer)?.barredUntilMs ?? 0)
  }

  /** Accounts exist for admitted peers only, so their number is bounded by the roster; those that left are forgotten. */
  keepOnly(isAdmitted: (peer: PeerId) => boolean): void {
    for (const peer of this.accounts.keys()) if (!isAdmitted(peer)) this.accounts.delete(peer)
  }
}
