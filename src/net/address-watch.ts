/**
 * Notices that the node's own addresses changed: an interface came up, a laptop moved to another network. libp2p computes them
 * from the interfaces whenever it is asked, and tells nobody; so it is asked every now and then.
 */
import type { Counters } from './counters.ts'

interface AddressWatchInit {
  readonly everyMs: number
  readonly counters: Counters
  readonly addresses: () => readonly string[]
  readonly onChanged: () => void
}

export class AddressWatch {
  private readonly init: AddressWatchInit
  private known = ''
  private timer: NodeJS.Timeout | undefined

  constructor(init: AddressWatchInit) {
    this.init = init
  }

  start(): void {
    this.known = this.init.addresses().join()
    this.timer = setInterval(() => this.look(), this.init.everyMs)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private look(): void {
    const addresses = this.init.addresses().join()
    if (addresses === this.known) return
    this.known = addresses
    this.init.counters.count('addressChanges')
    this.init.onChanged()
  }
}
