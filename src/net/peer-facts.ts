/** What the network says of a peer. */
import type { PeerId } from '../base/index.ts'
import type { LinkPath } from './link-path.ts'

export type PeerEvent =
  | { readonly type: 'connected'; readonly peer: PeerId }
  /** `byPeer`: the other side, or the network, ended the connection, and not this node. */
  | { readonly type: 'disconnected'; readonly peer: PeerId; readonly byPeer: boolean }

/** `dialling`: not taken; the peer, whom this node is not always connected to, is being connected to now. */
export type SendResult = 'queued' | 'full' | 'disconnected' | 'dialling'

/** The connection to a peer, as far as its addresses tell. */
export interface LinkFacts {
  readonly path: LinkPath
  /** IP address of the peer. */
  readonly remoteAddress: string
}
