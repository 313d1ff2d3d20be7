/**
 * The libp2p host, with every setting that js-libp2p needs to be dependable here. Why each differs from its
 * default is said beside it; issue numbers are js-libp2p's.
 */
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, type IdentifyPush, identify, identifyPush } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { LIMITS, type ScopeId } from '../base/index.ts'
import { announced, nearestFirst } from './addresses.ts'
import { encrypter } from './encrypter.ts'
import { muxer } from './muxer.ts'
import { gossipTopic, kadProtocol, servicePrefix } from './protocols.ts'
import type { NetSettings } from './settings.ts'

const KAD_SELF_QUERY_MS = 24 * 3_600_000

type Services = {
  identify: Identify
  identifyPush: IdentifyPush
  ping: Ping
  gossipsub: GossipSub
  kad: KadDHT
}

export type Host = Libp2p<Services>

interface HostInit {
  readonly privateKey: PrivateKey
  readonly scopeId: ScopeId
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly gate: ConnectionGater
  readonly settings: NetSettings
}

/** A host that is not started yet. */
export function createHost(init: HostInit): Promise<Host> {
  return createLibp2p<Services>({
    start: false,
    privateKey: init.privateKey,
    nodeInfo: { userAgent: 'populi' },
    addresses: {
      listen: [...init.listen],
      announce: [...init.announce],
      announceFilter: announced,
    },
    // By default a socket without traffic for two minutes is closed: what is idle is the keeper's to say (link-keeper.ts).
    transports: [tcp({ inboundSocketInactivityTimeout: 0, outboundSocketInactivityTimeout: 0 })],
    connectionEncrypters: [encrypter],
    streamMuxers: [muxer],
    connectionGater: init.gate,
    connectionManager: {
      addressSorter: nearestFirst,
      maxConnections: LIMITS.connectionsMax,
      // Default 5 per second and address: a household behind one NAT, or many nodes on loopback, hit it.
      inboundConnectionThreshold: LIMITS.inboundConnectionsPerSecondMax,
      maxIncomingPendingConnections: LIMITS.pendingConnectionsMax,
      // Default 6 s: one dead address would take more than half of a dial.
      addressDialTimeout: init.settings.addressDialTimeoutMs,
      dialTimeout: init.settings.dialTimeoutMs,
      // Kad-DHT marks its closest peers to be kept alive; there is one reconnect loop here, the connector's.
      maxParallelReconnects: 0,
    },
    // Its pings have a floor of 5 s and close busy connections (3463, 3504); the failure detector is membership's.
    connectionMonitor: { enabled: false },
    services: services(init),
  })
}

function services({ scopeId, settings }: HostInit) {
  const protocolPrefix = servicePrefix(scopeId)
  return {
    // Run by hand on confirmed links: it is what makes gossip and Kad-DHT open streams, and on a duplicate
    // connection that is about to close those streams would be the start of silent loss.
    identify: identify({ protocolPrefix, runOnConnectionOpen: false }),
    identifyPush: identifyPush({ protocolPrefix }),
    ping: ping({ protocolPrefix }),
    gossipsub: gossipsub({
      globalSignaturePolicy: 'StrictSign',
      allowedTopics: [gossipTopic(scopeId)],
      fallbackToFloodsub: false,
      // Without it every duplicate's signature is verified. The cache behind it is filled after verification only.
      fastMsgIdFn: ({ from, seqno }) =>
        `${Buffer.from(from ?? []).toString('base64')}.${Buffer.from(seqno ?? []).toString('base64')}`,
      // More than 10 peers behind one address (a household, one test machine) would silently get nothing.
      scoreParams: { IPColocationFactorWeight: 0 },
      // The first node of a mesh publishes to nobody; that is no error.
      allowPublishToZeroTopicPeers: true,
      // Our own messages go straight to every connected peer: rare and small, and none waits for a mesh to form.
      floodPublish: true,
      // Forwarding only has to reach those that the author has no connection to: few links suffice (D 6/4/12 by default).
      D: 3,
      Dlo: 2,
      Dhi: 6,
      Dout: 1,
      Dscore: 2,
      Dlazy: 3,
      doPX: false,
      maxInboundDataLength: LIMITS.gossipFrameBytesMax,
      maxOutboundBufferSize: LIMITS.gossipQueueBytesMax,
    }),
    kad: kadDHT({
      protocol: kadProtocol(scopeId),
      // With the defaults (client mode, private addresses removed) the routing table stays empty on a LAN.
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      datastorePrefix: `/populi/${scopeId}/kad`,
      // Default 5 minutes. Each query of the own id connects to a good part of the mesh, and tells nobody anything: neighbours are a
      // random part of it as it is.
      querySelfInterval: KAD_SELF_QUERY_MS,
      networkDialTimeout: { minTimeout: settings.addressDialTimeoutMs, maxTimeout: settings.dialTimeoutMs },
    }),
  }
}
