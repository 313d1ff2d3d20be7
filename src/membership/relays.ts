/**
 * Probing for others, and answering pings: what this node does for the failure detectors of its neighbours.
 *
 * Whoever asks is told in any case: `relayed` when the member answered, `nack` when it did not within the time that the asker gave. The
 * nack says that *this* node is well and was reached (Lifeguard §IV.A). A member that answers a ping on behalf of somebody says whether it had heard
 * that somebody's own ping, which names the direction that is broken.
 */
import { LIMITS } from '../base/index.ts'
import { Timer } from './agenda.ts'
import type { Context } from './context.ts'
import type { Member } from './member.ts'
import type { Prober } from './prober.ts'
import type { Ack, Ping, PingReq } from './stream-messages.ts'
import type { Table } from './table.ts'

interface Relay {
  readonly asker: Member
  /** Of the asker's probe. */
  readonly number: number
  readonly target: Member
  readonly timer: Timer
}

export class Relays {
  private readonly context: Context
  private readonly table: Table
  private readonly prober: Prober
  /** By the number of this node's ping. */
  private readonly underWay = new Map<number, Relay>()

  constructor(context: Context, table: Table, prober: Prober) {
    this.context = context
    this.table = table
    this.prober = prober
  }

  /** Answers `ping`, after this node's incarnation was raised if the ping called for that. */
  answer(from: Member, { number, onBehalfOf }: Ping): void {
    const asker = onBehalfOf === undefined ? undefined : this.table.find(onBehalfOf.peer)
    if (onBehalfOf === undefined) from.lastPing = number
    this.context.emit({
      type: 'send',
      peer: from.peer,
      patienceMs: 0,
      message: {
        type: 'ack',
        number,
        incarnation: this.table.self.incarnation,
        ...(onBehalfOf === undefined ? {} : { heardDirectly: (asker?.lastPing ?? 0) >= onBehalfOf.number }),
      },
    })
  }

  ask(asker: Member, { number, target: peer, accused, patienceMs }: PingReq): void {
    const target = this.table.other(peer)
    if (target === undefined || target === this.table.self) return
    if (this.underWay.size >= LIMITS.relaysMax) {
      this.nack(asker, number)
      return
    }
    const own = this.prober.newNumber()
    const timer = new Timer(() => {
      this.underWay.delete(own)
      this.nack(asker, number)
    })
    this.underWay.set(own, { asker, number, target, timer })
    this.context.after(timer, patienceMs)
    this.context.emit({
      type: 'send',
      peer,
      patienceMs,
      message: {
        type: 'ping',
        number: own,
        incarnation: this.table.self.incarnation,
        ...(accused === undefined ? {} : { accused }),
        onBehalfOf: { peer: asker.peer, number },
      },
    })
  }

  /** Passes an answer on to who asked for it. */
  acked(from: Member, { number, incarnation, heardDirectly }: Ack): void {
    const relay = this.underWay.get(number)
    if (relay === undefined || relay.target !== from) return
    this.underWay.delete(number)
    this.context.agenda.cancel(relay.timer)
    this.context.emit({
      type: 'send',
      peer: relay.asker.peer,
      patienceMs: 0,
      message: { type: 'relayed', number: relay.number, incarnation, heardDirectly: heardDirectly ?? false },
    })
  }

  /** Whoever asked has long given up. */
  clear(): void {
    for (const { timer } of this.underWay.values()) this.context.agenda.cancel(timer)
    this.underWay.clear()
  }

  private nack(asker: Member, number: number): void {
    this.context.emit({ type: 'send', peer: asker.peer, patienceMs: 0, message: { type: 'nack', number } })
  }
}
