import { type Clock, LIMITS } from '../base/index.ts'

interface Count {
  wrong: number
  readonly sinceMs: number
}

/**
 * Counts wrong proofs, apart from and stricter than requests. A secret of 256 bits cannot be guessed at any rate; what
 * is bounded here is the noise. Counted per invite *and* address: the invite's id travels in clear, so a
 * count per invite alone would let a listener lock the owner's new machine out.
 *
 * Bounded: at `LIMITS.enrolWrongProofKeysMax` the oldest count is forgotten; the limit per address stands.
 */
export class WrongProofLimit {
  private readonly clock: Clock
  private readonly counts = new Map<string, Count>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Whether this address was wrong too often about this invite. */
  exceeded(inviteId: string, address: string): boolean {
    const count = this.current(`${inviteId} ${address}`)
    return count !== undefined && count.wrong >= LIMITS.enrolWrongProofsMax
  }

  note(inviteId: string, address: string): void {
    const key = `${inviteId} ${address}`
    const count = this.current(key)
    if (count !== undefined) {
      count.wrong += 1
      return
    }
    const oldest = this.counts.keys().next()
    if (this.counts.size >= LIMITS.enrolWrongProofKeysMax && !oldest.done) this.counts.delete(oldest.value)
    this.counts.set(key, { wrong: 1, sinceMs: this.clock.now() })
  }

  private current(key: string): Count | undefined {
    const count = this.counts.get(key)
    if (count === undefined) return undefined
    if (this.clock.now() - count.sinceMs < LIMITS.enrolWrongProofWindowMs) return count
    this.counts.delete(key)
    return undefined
  }
}
