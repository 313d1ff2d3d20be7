/** One member being probed, now or the last time; kept with its row, so that a probe allocates nothing but its message. */
import type { BootMs } from '../base/index.ts'
import { Timer } from './agenda.ts'

export class Probe {
  readonly timer: Timer
  isUnderWay = false
  /** Of its ping; rises with each probe of this node. */
  number = 0
  sentAt = 0 as BootMs
  endsAt = 0 as BootMs
  /** Others have been asked already. */
  isIndirect = false
  /** Its connection had been closed from the other side when the probe began: redialling must succeed soon. */
  isHurried = false
  /** The ping told of an accusation: the answer should have refuted it. */
  isAccusing = false
  /** Others that were asked, and those of them that said they got no answer. */
  asked = 0
  nacks = 0
  /** The member answered somebody else; `true`: it had heard this node's ping. */
  relayed: boolean | undefined
  /** Consecutive probes that only others got an answer to. */
  faults = 0

  constructor(fire: () => void) {
    this.timer = new Timer(fire)
  }
}
