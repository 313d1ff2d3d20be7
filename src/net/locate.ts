/** Where a peer is now, by asking the peers that are connected (Kad-DHT). */
import { peerIdFromString } from '@libp2p/peer-id'
import type { PeerId } from '../base/index.ts'
import type { Host } from './host.ts'

/**
 * Addresses that other peers know of `peer`, as multiaddrs; empty when nobody knows any. They are hearsay: Noise proves
 * who answers there.
 *
 * The own peer store is not asked, because its answer is what just failed. The search ends with the first address
 * that is news, with the query, or with the signal.
 */
export async function locate(host: Host, peer: PeerId, signal: AbortSignal): Promise<string[]> {
  // A query with nobody to ask would wait for somebody until the signal.
  if (host.getPeers().length === 0) return []
  const id = peerIdFromString(peer)
  const known = await storedAddresses(host, peer)
  const found = new Set<string>()
  try {
    for await (const event of host.services.kad.findPeer(id, { useCache: false, signal })) {
      if (event.name !== 'FINAL_PEER') continue
      for (const address of event.peer.multiaddrs) found.add(address.toString())
      if ([...found].some((address) => !known.has(address))) break
    }
  } catch {
    // Not found, or out of time: what was heard until then is the answer.
  }
  return [...found]
}

async function storedAddresses(host: Host, peer: PeerId): Promise<ReadonlySet<string>> {
  try {
    const { addresses } = await host.peerStore.get(peerIdFromString(peer))
    return new Set(addresses.map(({ multiaddr }) => multiaddr.toString()))
  } catch {
    return new Set()
  }
}
