/**
 * Leases by the node's own protocol: an admitted peer of the mesh that asks the authority and holds no copy of anything.
 * It is a peer without a vote and without a log, because that is what etcd's clients are: a voter as load generator would save
 * one network hop for its own requests and take CPU from consensus, a learner would cost the leader a stream of entries and the
 * disk another sync.
 */
import { randomBytes } from 'node:crypto'
import {
  type LeaseId,
  type PeerId,
  Random,
  type ScopeKey,
  SystemClock,
  silentLogger,
} from '../../src/base/index.ts'
import { MeshNetwork } from '../../src/net/index.ts'
import { loadIdentity } from '../../src/node/identity/index.ts'
import { AuthorityClient, Rpc, SystemScheduler } from '../../src/node/index.ts'
import { HELD_TTL_MS, type LockService, type LockServiceSpec } from './lock-service.ts'

type PopuliSpec = Extract<LockServiceSpec, { kind: 'populi' }>

/** Far above an election: in the failover bench a request is to be repeated until it succeeds. */
const DEADLINE_MS = 20_000

export async function openPopuliLockService(spec: PopuliSpec): Promise<LockService> {
  const clock = new SystemClock()
  const identity = await loadIdentity(spec.dataDir, clock.wall())
  const peers = spec.servers.map(({ peer, addresses }) => ({ peer: peer as PeerId, addresses }))
  const random = new Random(randomBytes(4).readUInt32LE())
  const network = new MeshNetwork({
    privateKeySeed: identity.key.exportSeed(),
    scopeId: identity.scopeId,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    isAdmitted: (peer) => peers.some((admitted) => admitted.peer === peer),
    logger: silentLogger,
    random: random.fork(),
    clock,
  })
  // Nothing of consensus or of tasks is its business: the leader sees a learner that never catches up.
  for (const protocol of ['raft', 'snapshot', 'task', 'membership'] as const)
    network.onMessage(protocol, () => undefined)
  const scheduler = new SystemScheduler()
  const rpc = new Rpc(network, scheduler, silentLogger)
  const client = new AuthorityClient({
    rpc,
    transport: network,
    clock,
    scheduler,
    random,
    knownLeader: () => undefined,
    // It keeps no log, so it hears of no election by itself.
    leaderNews: () => new Promise(() => undefined),
  })
  await network.start()
  network.setPeers(peers)
  return {
    acquire: async (key) => {
      const grant = {
        type: 'lease.grant',
        scopeKey: key as ScopeKey,
        holder: identity.peerId,
        ttlMs: HELD_TTL_MS,
      } as const
      const { answer } = await client.execute(grant, DEADLINE_MS)
      const leaseId = answer.id as LeaseId
      return async () => {
        await client.execute({ type: 'lease.release', leaseId }, DEADLINE_MS)
      }
    },
    connectionLost: (server) =>
      new Promise((resolve) => {
        network.onPeer(({ type, peer }) => {
          if (type === 'disconnected' && peer === peers[server]?.peer) resolve()
        })
      }),
    close: async () => {
      client.stop()
      rpc.stop()
      await network.stop()
    },
  }
}
