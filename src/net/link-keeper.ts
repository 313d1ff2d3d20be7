/**
 * Closes connections that nobody uses, so that a node among hundreds has few.
 *
 * The rule needs no words between the two sides: a side keeps a connection to a neighbour, to a peer that it wants, and any
 * over which a message of ours went lately, in either direction, which both sides see alike. Whoever keeps a neighbour probes it
 * more often than that, so the other side keeps the connection as well, whatever it thinks of neighbours. A side that is wrong
 * about this dials again.
 *
 * The number of connections that others want and this node does not is bounded besides; of those the longest unused goes
 * first. Rejected: refusing new ones, which a crowd of idle connections could then keep out.
 */
import type { PeerId } from '../base/index.ts'
import type { Link } from './link.ts'
import type { LinkTable } from './link-table.ts'
import type { NetSettings } from './settings.ts'

/** A use is seen at the next look, so a connection is closed at most a quarter late. */
const LOOKS = 4

interface LinkKeeperInit {
  readonly links: LinkTable
  readonly settings: NetSettings
  readonly keeps: (peer: PeerId) => boolean
}

export class LinkKeeper {
  private readonly init: LinkKeeperInit
  private timer: NodeJS.Timeout | undefined

  constructor(init: LinkKeeperInit) {
    this.init = init
  }

  start(): void {
    this.timer = setInterval(() => this.look(), this.init.settings.idleCloseMs / LOOKS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** A link was added. */
  makeRoom(): void {
    const { links, settings } = this.init
    const spare = this.spare()
    if (spare.length <= settings.spareLinksMax) return
    const [longestUnused] = spare.sort((a, b) => b.idleLooks - a.idleLooks)
    if (longestUnused !== undefined) links.retire(longestUnused, 'linksEvicted')
  }

  private look(): void {
    for (const link of this.spare()) {
      link.idleLooks += 1
      if (link.idleLooks > LOOKS) this.init.links.retire(link, 'linksIdledOut')
    }
  }

  /** Links that this side does not keep, the oldest first. */
  private spare(): Link[] {
    return this.init.links.connected().filter(({ peer }) => !this.init.keeps(peer))
  }
}
