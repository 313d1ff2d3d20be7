import type { GossipSub } from '@libp2p/gossipsub'
import type { Identify } from '@libp2p/identify'
import { afterEach, expect, test, vi } from 'vitest'
import { LIMITS, present } from '../../src/base/index.ts'
import { peerIdOfSeed } from '../../src/net/identity.ts'
import { gossipTopic } from '../../src/net/protocols.ts'
import {
  bytes,
  connectAll,
  hostOf,
  SCOPE,
  seeds,
  startMesh,
  startNode,
  startPair,
  stopAll,
  type TestNode,
  WAIT,
} from './support.ts'

afterEach(stopAll)

const gossipsubOf = (node: TestNode) => hostOf(node).services['gossipsub'] as GossipSub

/** Every node has seen every other one's subscription: from here on nothing published may be missing. */
async function subscribed(nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes)
    await vi.waitFor(
      () => expect(gossipsubOf(node).getSubscribers(gossipTopic(SCOPE))).toHaveLength(nodes.length - 1),
      WAIT,
    )
}

test('4 nodes: each announcement reaches every other node once, with its author', async () => {
  const nodes = await startMesh(4)
  await subscribed(nodes)
  for (const node of nodes) for (const word of ['one', 'two']) await node.network.publish(bytes(word))
  for (const node of nodes) {
    const others = nodes.filter((other) => other !== node)
    await vi.waitFor(() => expect(node.gossip).toHaveLength(6), WAIT)
    for (const { peer } of others)
      expect(node.gossip.filter(({ from }) => from === peer).map(({ text }) => text)).toEqual(['one', 'two'])
  }
})

test('a chain: an announcement is passed on by peers in between, and its author is kept', async () => {
  const [first, second, third] = seeds(3)
  const ids = seeds(3).map(peerIdOfSeed)
  const [a, b, c] = ids
  const roster = new Set(ids)
  // a and c admit each other but have no address of each other; the relay b keeps no third peer's addresses secret,
  // so gossip may arrive directly as well: what counts is that it arrives, with the right author.
  const left = await startNode({ seed: present(first, 'seed'), roster })
  const middle = await startNode({ seed: present(second, 'seed'), roster })
  const right = await startNode({ seed: present(third, 'seed'), roster })
  left.network.setPeers([{ peer: present(b, 'peer'), addresses: middle.listening() }])
  right.network.setPeers([{ peer: present(b, 'peer'), addresses: middle.listening() }])
  await vi.waitFor(async () => {
    await left.network.publish(bytes('hello'))
    expect(right.gossip.length).toBeGreaterThan(0)
  }, WAIT)
  expect(right.gossip[0]).toEqual({ from: present(a, 'peer'), text: 'hello' })
  expect(present(c, 'peer')).toBe(right.peer)
})

test('an announcement above the limit is refused at its author', async () => {
  const { a, b } = await startPair()
  await subscribed([a, b])
  const max = LIMITS.gossipMessageBytesMax
  await a.network.publish(new Uint8Array(max).fill(120))
  await vi.waitFor(() => expect(b.gossip[0]?.text.length).toBe(max), WAIT)
  await expect(a.network.publish(new Uint8Array(max + 1))).rejects.toMatchObject({
    code: 'limit.exceeded',
    details: { got: max + 1, max },
  })
})

test('one above the limit that a peer sends all the same is refused by the receiver', async () => {
  const { a, b } = await startPair()
  await subscribed([a, b])
  await gossipsubOf(a).publish(gossipTopic(SCOPE), new Uint8Array(LIMITS.gossipMessageBytesMax + 1))
  await a.network.publish(bytes('after'))
  await vi.waitFor(() => expect(b.gossip.map(({ text }) => text)).toEqual(['after']), WAIT)
  expect(b.network.counters['gossipRefused']).toBe(1)
})

test('with no peer an announcement reaches nobody and is no error', async () => {
  const alone = await startNode({ seed: present(seeds(1)[0], 'seed'), roster: new Set() })
  await expect(alone.network.publish(bytes('anybody?'))).resolves.toBeUndefined()
  await alone.network.stop()
  await expect(alone.network.publish(bytes('anybody?'))).rejects.toMatchObject({ code: 'node.stopping' })
})

test('a gossip handler that throws is counted, and the next announcement arrives', async () => {
  const { a, b } = await startPair()
  await subscribed([a, b])
  b.network.onGossip(() => {
    throw new RangeError('test')
  })
  await a.network.publish(bytes('one'))
  await a.network.publish(bytes('two'))
  await vi.waitFor(() => expect(b.gossip.map(({ text }) => text)).toEqual(['one', 'two']), WAIT)
  await vi.waitFor(() => expect(b.network.counters['handlerFailures']).toBe(2), WAIT)
})

function killGossip(node: TestNode, direction: 'inbound' | 'outbound'): void {
  for (const { streams } of hostOf(node).getConnections())
    for (const stream of streams)
      if (stream.direction === direction && stream.protocol.startsWith('/meshsub/'))
        stream.abort(new Error('test'))
}

async function gossipFlows(a: TestNode, b: TestNode): Promise<void> {
  const [before, beforeB] = [a.gossip.length, b.gossip.length]
  await vi.waitFor(async () => {
    await a.network.publish(bytes('after'))
    await b.network.publish(bytes('after'))
    expect(a.gossip.length).toBeGreaterThan(before)
    expect(b.gossip.length).toBeGreaterThan(beforeB)
  }, WAIT)
}

const sum = (nodes: readonly TestNode[], counter: string) =>
  nodes.reduce((total, { network }) => total + present(network.counters[counter], counter), 0)

test.each(['outbound', 'inbound'] as const)(
  'the %s gossip stream dies while the connection lives: seen, healed and counted, the connection kept',
  async (direction) => {
    const { a, b } = await startPair({ settings: { gossipCheckMs: 20, gossipRenewMs: 0 } })
    await subscribed([a, b])
    await vi.waitFor(() => {
      killGossip(a, direction)
      expect(sum([a, b], 'gossipHeals')).toBeGreaterThan(0)
    }, WAIT)
    await gossipFlows(a, b)
    expect(sum([a, b], 'gossipHangUps')).toBe(0)
    for (const { events } of [a, b]) expect(events).toHaveLength(1)
  },
)

test('gossip that identify cannot heal: the connection is made anew, and gossip flows again', async () => {
  const settings = { gossipCheckMs: 20, gossipRenewMs: 0, gossipHangUpMs: 500 }
  const { a, b } = await startPair({ settings })
  await subscribed([a, b])
  const identify = [a, b].map((node) =>
    vi
      .spyOn(hostOf(node).services['identify'] as Identify, 'identify')
      .mockRejectedValue(new RangeError('test')),
  )
  await vi.waitFor(() => {
    killGossip(a, 'outbound')
    expect(sum([a, b], 'gossipHangUps')).toBeGreaterThan(0)
  }, WAIT)
  for (const spy of identify) spy.mockRestore()
  await gossipFlows(a, b)
  expect(a.events.length).toBeGreaterThan(2)
})

test('healthy gossip is left alone', async () => {
  const nodes = await startMesh(3, { settings: { gossipCheckMs: 20, gossipRenewMs: 2000 } })
  await subscribed(nodes)
  await connectAll(nodes)
  const from = present(nodes[0], 'a node')
  const sent: string[] = []
  // Long enough for the watchdog to look many times: gossip itself is the clock.
  for (let index = 0; index < 100; index++) {
    sent.push(String(index))
    await from.network.publish(bytes(String(index)))
  }
  for (const node of nodes.slice(1))
    await vi.waitFor(() => expect(node.gossip.map(({ text }) => text).sort()).toEqual([...sent].sort()), WAIT)
  for (const { network, events } of nodes) {
    expect(network.counters['gossipHeals']).toBe(0)
    expect(events).toHaveLength(2)
  }
})
