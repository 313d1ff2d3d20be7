/**
 * How far this node may trust its own judgement (Lifeguard §IV.A, "local health multiplier"). A node that is slow itself sees
 * everybody else as slow; and it can notice: its probes bring neither an answer nor the nacks of those whom it asked, others
 * suspect it, and its own timers come late. Each of these raises the score, each probe that succeeds lowers it, and all
 * that it waits for takes (1 + score) times as long.
 *
 * Rejected: excluding a node that looks slow from witnessing. It would silence exactly those who see a real failure first, and
 * a score of 8 already gives the accused nine times as long.
 */
import type { MembershipOptions } from './options.ts'

export class LocalHealth {
  private readonly max: number
  private value = 0

  constructor({ localHealthMax }: MembershipOptions) {
    this.max = localHealthMax
  }

  /** 0: well. */
  get score(): number {
    return this.value
  }

  /** By what this node's waiting is to be multiplied. */
  get factor(): number {
    return 1 + this.value
  }

  worsen(by: number): void {
    this.value = Math.min(this.max, this.value + by)
  }

  improve(): void {
    this.value = Math.max(0, this.value - 1)
  }
}
