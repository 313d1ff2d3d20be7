/**
 * The connection gate: right after Noise, before a muxer exists, the one question is whether the peer is admitted.
 * A stranger gets no stream, so no identify, no gossip and no address. The question is asked again at later stages
 * and before each dial, because rosters change while handshakes run.
 */
import type { ConnectionGater, PeerId as Libp2pPeerId } from '@libp2p/interface'
import type { PeerId } from '../base/index.ts'
import { peerIdOf } from './identity.ts'

interface GateInit {
  readonly self: PeerId
  readonly mayConnect: (peer: PeerId) => boolean
  /** A connection was refused; `peer` is the text of an id that need not be one of ours. */
  readonly onRefused: (peer: string, direction: 'inbound' | 'outbound') => void
}

export function connectionGate({ self, mayConnect, onRefused }: GateInit): ConnectionGater {
  const isStranger = (remote: Libp2pPeerId): boolean => {
    const peer = peerIdOf(remote)
    return peer === undefined || !mayConnect(peer)
  }
  const denies = (direction: 'inbound' | 'outbound') => (remote: Libp2pPeerId) => {
    const isDenied = isStranger(remote)
    if (isDenied) onRefused(remote.toString(), direction)
    return isDenied
  }
  return {
    denyDialPeer: isStranger,
    // js-libp2p's default refuses private addresses in browsers only; ours are private as a rule.
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection: denies('inbound'),
    denyOutboundEncryptedConnection: denies('outbound'),
    denyInboundUpgradedConnection: denies('inbound'),
    denyOutboundUpgradedConnection: denies('outbound'),
    // The peer store asks for our own addresses too.
    filterMultiaddrForPeer: (remote) => remote.toString() === self || !isStranger(remote),
  }
}
