/** Valid libp2p, Noise and gossipsub, but no credential: no stream, no identify, no gossip, no address. */
import { afterEach, expect, test, vi } from 'vitest'
import { present } from '../../src/base/index.ts'
import { peerIdOfSeed } from '../../src/net/identity.ts'
import { gossipTopic, PROTOCOLS, protocolName } from '../../src/net/protocols.ts'
import { bytes, connectAll, dial, SCOPE, seeds, startNode, startRaw, stopAll, WAIT } from './support.ts'

afterEach(stopAll)

// The stranger's place in the order of ids decides which side would choose the connection: both must refuse.
test.each([0, 2])(
  'a stranger (id rank %i of 3) gets nothing, while gossip and messages flow',
  async (rank) => {
    const all = seeds(3)
    const strangerSeed = present(all.splice(rank, 1)[0], 'a seed')
    const roster = new Set(all.map(peerIdOfSeed))
    const nodes = []
    for (const seed of all) nodes.push(await startNode({ seed, roster }))
    await connectAll(nodes)
    const a = present(nodes[0], 'a node')
    const b = present(nodes[1], 'a node')
    const stranger = await startRaw(strangerSeed)
    const heard: unknown[] = []
    stranger.services.gossipsub.addEventListener('gossipsub:message', ({ detail }) => heard.push(detail))

    const protocols = [
      ...PROTOCOLS.map((protocol) => protocolName(SCOPE, protocol)),
      `/populi/${SCOPE}/kad/1`,
      `/populi/${SCOPE}/id/1.0.0`,
      `/populi/${SCOPE}/ping/1.0.0`,
      '/ipfs/id/1.0.0',
      '/ipfs/ping/1.0.0',
      '/meshsub/1.2.0',
    ]
    for (const protocol of protocols) {
      const attempt = dial(stranger, a).then((connection) => connection.newStream(protocol))
      await expect(attempt, protocol).rejects.toThrow()
    }
    const attempt = dial(stranger, a).then((connection) => stranger.services.identify.identify(connection))
    await expect(attempt).rejects.toThrow()

    await vi.waitFor(async () => {
      await a.network.publish(bytes('for members'))
      expect(b.gossip.length).toBeGreaterThan(0)
    }, WAIT)
    await stranger.services.gossipsub.publish(gossipTopic(SCOPE), bytes('from outside'))
    a.network.send(b.peer, 'rpc', bytes('hello'))
    await vi.waitFor(() => expect(b.messages.rpc).toHaveLength(1), WAIT)

    await vi.waitFor(() => expect(stranger.getConnections()).toHaveLength(0), WAIT)
    expect(heard).toEqual([])
    expect(stranger.services.gossipsub.getPeers()).toEqual([])
    expect(a.gossip).toEqual([])
    const { protocols: learned } = await stranger.peerStore.get(present(stranger, 'host').peerId)
    expect(learned).not.toContain(protocolName(SCOPE, 'raft'))
    expect(a.network.counters['connectionsRefused']).toBeGreaterThanOrEqual(protocols.length)
    expect(a.events).toEqual([{ type: 'connected', peer: b.peer }])
  },
)

test('a node does not dial a peer that is not admitted, though its address is known', async () => {
  const [first, second] = seeds(2)
  const stranger = await startRaw(present(second, 'a seed'))
  const node = await startNode({ seed: present(first, 'a seed'), roster: new Set() })
  const peer = peerIdOfSeed(present(second, 'a seed'))
  node.network.setPeers([{ peer, addresses: stranger.getMultiaddrs().map(String) }])
  await vi.waitFor(() => expect(node.network.counters['dialFailures']).toBeGreaterThan(1), WAIT)
  expect(stranger.getConnections()).toEqual([])
})
