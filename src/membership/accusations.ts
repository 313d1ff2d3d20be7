/**
 * What this node has to say against others, gathered for `accusationBatchMs`: when a switch fails, 30 neighbours vanish within one
 * second, and that is one message, not thirty. The first goes out with the call that found it. What was refuted meanwhile is not said.
 */
import { type BootMs, bootMs, type Incarnation, LIMITS } from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { Evidence } from './gossip.ts'
import type { Member } from './member.ts'

interface Accusation {
  readonly incarnation: Incarnation
  readonly what: Evidence | 'dead'
}

export class Accusations {
  private readonly context: Context
  /** One per member: a verdict takes the place of a suspicion. */
  private waiting = new Map<Member, Accusation>()
  /** Only wakes the core up: `flush` ends each call. */
  private readonly timer = new Timer(() => undefined)
  private nextAt: BootMs = bootMs(0)

  constructor(context: Context) {
    this.context = context
  }

  add(member: Member, what: Evidence | 'dead'): void {
    this.waiting.set(member, { incarnation: member.incarnation, what })
  }

  /** Says what is waiting, if it is time. */
  flush(): void {
    if (this.waiting.size === 0) return
    const { now, agenda, options } = this.context
    if (now < this.nextAt) {
      if (!this.timer.isSet) agenda.set(this.timer, this.nextAt)
      return
    }
    this.nextAt = bootMs(now + options.accusationBatchMs)
    const waiting = [...this.waiting].filter(
      ([member, { incarnation }]) => member.incarnation === incarnation,
    )
    this.waiting = new Map()
    const suspects = waiting.flatMap(([{ peer, status }, { incarnation, what: evidence }]) =>
      evidence === 'dead' || status !== 'suspect' ? [] : [{ peer, incarnation, evidence }],
    )
    const dead = waiting.flatMap(([{ peer, status }, { incarnation, what }]) =>
      what === 'dead' && status === 'dead' ? [{ peer, incarnation }] : [],
    )
    for (const members of chunks(suspects))
      this.context.emit({ type: 'publish', message: { type: 'suspect', members } })
    for (const members of chunks(dead))
      this.context.emit({ type: 'publish', message: { type: 'dead', members } })
  }
}

function chunks<Item>(items: readonly Item[]): (readonly Item[])[] {
  const parts: (readonly Item[])[] = []
  for (let at = 0; at < items.length; at += LIMITS.accusationsMax)
    parts.push(items.slice(at, at + LIMITS.accusationsMax))
  return parts
}
