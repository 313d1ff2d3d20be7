/** What every part of this core shares: who this node is, its options, time, chance, its agenda, its health, and where effects go. */
import type { BootMs, PeerId, Random } from '../base/index.ts'
import { Agenda, type Timer } from './agenda.ts'
import type { MembershipEffect } from './events.ts'
import { LocalHealth } from './local-health.ts'
import type { MembershipOptions } from './options.ts'

interface ContextInit {
  readonly self: PeerId
  readonly options: MembershipOptions
  readonly random: Random
  readonly now: BootMs
}

const NOTHING: readonly MembershipEffect[] = []

export class Context {
  readonly self: PeerId
  readonly options: MembershipOptions
  readonly random: Random
  readonly agenda = new Agenda()
  readonly health: LocalHealth
  readonly ignored = { stranger: 0, stale: 0, foreignRecord: 0, own: 0 }
  now: BootMs
  /** When this process last came back from being away; at first, when it started. */
  backAt: BootMs
  private effects: MembershipEffect[] = []

  constructor({ self, options, random, now }: ContextInit) {
    this.self = self
    this.options = options
    this.random = random
    this.now = now
    this.backAt = now
    this.health = new LocalHealth(options)
  }

  emit(effect: MembershipEffect): void {
    this.effects.push(effect)
  }

  /** What came up since the last call. */
  takeEffects(): readonly MembershipEffect[] {
    if (this.effects.length === 0) return NOTHING
    const { effects } = this
    this.effects = []
    return effects
  }

  /** Sets `timer` to so long from now. */
  after(timer: Timer, ms: number): void {
    this.agenda.set(timer, (this.now + ms) as BootMs)
  }
}
