/**
 * What becomes of the connections to the other nodes, for their owner: which way each takes, that it took a better one before, and in
 * which direction it fails. A path that became worse without anybody saying so ("silent downgrade": the LAN gone, the
 * overlay still there) makes everything slower and nothing red, so it is an event and a fact beside the node.
 */
import type { Logger, NodeId, PeerId } from '../base/index.ts'
import type { LinkFault } from '../membership/index.ts'
import { isWorsePath, type LinkFacts, type LinkPath } from '../net/index.ts'
import type { EventSink } from './node-events.ts'
import type { Transport } from './ports.ts'

export interface LinkState extends LinkFacts {
  /** The better path that it took before, in this process's time; `undefined` when none was better. */
  readonly downgradedFrom: LinkPath | undefined
}

interface Paths {
  last: LinkPath
  best: LinkPath
}

interface LinkWatchInit {
  readonly transport: Transport
  readonly nameOf: (peer: PeerId) => NodeId | undefined
  readonly events: EventSink
  readonly logger: Logger
}

export class LinkWatch {
  private readonly init: LinkWatchInit
  /** Of admitted peers only, so no larger than the roster. */
  private readonly paths = new Map<PeerId, Paths>()
  private neighbours: ReadonlySet<PeerId> = new Set()

  constructor(init: LinkWatchInit) {
    this.init = init
    init.transport.onPeer((event) => {
      if (event.type === 'connected') this.connected(event.peer)
      else this.record(event.peer, 'link:down', event.byPeer ? 'closed_by_peer' : 'closed_here')
    })
  }

  /** Connections to others come and go with what is sent: that is no event. */
  setNeighbours(peers: readonly PeerId[]): void {
    this.neighbours = new Set(peers)
  }

  linkOf(peer: PeerId): LinkState | undefined {
    const facts = this.init.transport.linkOf(peer)
    if (facts === undefined) return undefined
    const best = this.paths.get(peer)?.best
    const downgradedFrom = best !== undefined && isWorsePath(facts.path, best) ? best : undefined
    return { ...facts, downgradedFrom }
  }

  /** What the probes of membership say. */
  faultChanged(peer: PeerId, fault: LinkFault | undefined): void {
    const { events, logger, nameOf } = this.init
    const node = nameOf(peer)
    if (fault === undefined) {
      logger.info({ member: node }, 'probes pass straight again')
      events.record({ kind: 'link', type: 'link:cleared', node, reason: undefined, detail: {} })
    } else {
      logger.warn({ member: node, fault }, 'probes do not pass straight, while others reach this member')
      events.record({ kind: 'link', type: 'link:fault', node, reason: fault, detail: {} })
    }
  }

  private connected(peer: PeerId): void {
    const { transport, events, logger, nameOf } = this.init
    const facts = transport.linkOf(peer)
    this.record(peer, 'link:up', undefined)
    if (facts === undefined) return
    const { path, remoteAddress } = facts
    const paths = this.paths.get(peer) ?? { last: path, best: path }
    if (isWorsePath(path, paths.last)) {
      const node = nameOf(peer)
      const detail = { from: paths.last, to: path, remoteAddress }
      logger.warn({ member: node, ...detail }, 'a link takes a worse path than before')
      events.record({ kind: 'link', type: 'link:downgraded', node, reason: path, detail })
    }
    this.paths.set(peer, { last: path, best: isWorsePath(paths.best, path) ? path : paths.best })
  }

  private record(peer: PeerId, type: 'link:up' | 'link:down', reason: string | undefined): void {
    if (!this.neighbours.has(peer)) return
    const { transport, events, nameOf } = this.init
    const facts = transport.linkOf(peer)
    const detail = facts === undefined ? {} : { path: facts.path, remoteAddress: facts.remoteAddress }
    events.record({ kind: 'link', type, node: nameOf(peer), reason, detail })
  }
}
