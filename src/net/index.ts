/**
 * net: peers of the scope over libp2p (TCP, Noise, Yamux). An adapter: it is told who is admitted and whom to be
 * connected to, and decides nothing.
 *
 * - One confirmed connection per peer; a stranger gets no stream, no gossip, no address. Neighbours are kept connected,
 *   others are connected to while they are wanted or used.
 * - Messages of a peer and protocol arrive in order, whole, and never from before its last `disconnected` event. They
 *   can be lost with a stream or connection: protocols retry by their own rules.
 * - What a peer can make this node hold is bounded, whatever it sends; so is what waits for a slow peer.
 * - Gossip is for small, rare announcements. It is best effort: watched, healed and counted.
 *
 * Start reading at `mesh-network.ts`; why libp2p is used this way: `docs/decisions/0001-libp2p-3-and-its-packages.md`.
 */
export { peerIdOfSeed } from './identity.ts'
export { isWorsePath, type LinkPath } from './link-path.ts'
export { MeshNetwork } from './mesh-network.ts'
export type { MeshNetworkInit } from './mesh-network-init.ts'
export type { LinkFacts, PeerEvent, SendResult } from './peer-facts.ts'
export type { Protocol } from './protocols.ts'
export type { NetSettings } from './settings.ts'
