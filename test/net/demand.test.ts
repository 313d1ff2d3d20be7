/** Neighbours, demand, and what is closed when nobody uses it. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type PeerId, present } from '../../src/base/index.ts'
import { peerIdOfSeed } from '../../src/net/identity.ts'
import type { PeerEvent } from '../../src/net/index.ts'
import { bytes, hostOf, type NodeOptions, seeds, startNode, stopAll, type TestNode, WAIT } from './support.ts'

afterEach(stopAll)

const disconnections = ({ events }: TestNode): readonly PeerEvent[] =>
  events.filter(({ type }) => type === 'disconnected')

/** Started nodes that know each other's addresses; nobody is a neighbour. */
async function strangers(count: number, options: Partial<NodeOptions> = {}): Promise<TestNode[]> {
  const keys = seeds(count)
  const roster = new Set(keys.map(peerIdOfSeed))
  const nodes: TestNode[] = []
  for (const seed of keys) nodes.push(await startNode({ roster, ...options, seed }))
  for (const node of nodes) {
    node.network.setNeighbours([])
    const others = nodes.filter((other) => other !== node)
    node.network.setPeers(others.map((other) => ({ peer: other.peer, addresses: other.listening() })))
  }
  return nodes
}

async function strangePair(options: Partial<NodeOptions> = {}): Promise<[TestNode, TestNode]> {
  const [a, b] = await strangers(2, options)
  return [present(a, 'a node'), present(b, 'a node')]
}

async function connected(a: TestNode, b: TestNode): Promise<void> {
  await vi.waitFor(() => {
    expect(a.network.isConnected(b.peer)).toBe(true)
    expect(b.network.isConnected(a.peer)).toBe(true)
  }, WAIT)
}

describe('on demand', () => {
  test.each(['lower', 'higher'])(
    'the %s peer id sends: it dials at once, and the next try arrives',
    async (who) => {
      const [low, high] = await strangePair({ settings: { dialGraceMs: 60_000 } })
      const [sender, receiver] = who === 'lower' ? [low, high] : [high, low]
      expect(sender.network.canReach(receiver.peer)).toBe(true)
      expect(sender.network.send(receiver.peer, 'rpc', bytes('first'))).toBe('dialling')
      await connected(sender, receiver)
      expect(sender.network.send(receiver.peer, 'rpc', bytes('second'))).toBe('queued')
      await vi.waitFor(() => expect(receiver.messages.rpc.map(({ text }) => text)).toEqual(['second']), WAIT)
    },
  )

  test('a peer that is away: dialled while it is wanted, then left alone; not taken for reachable meanwhile', async () => {
    const [a, b] = await strangePair({ settings: { demandMs: 300, redialMsMin: 5 } })
    await b.network.stop()
    expect(a.network.send(b.peer, 'rpc', bytes('anybody?'))).toBe('dialling')
    await vi.waitFor(() => expect(a.network.counters['dialFailures']).toBeGreaterThan(1), WAIT)
    expect(a.network.canReach(b.peer)).toBe(false)
    await vi.waitFor(() => expect(a.network.canReach(b.peer)).toBe(true), WAIT)
    const { targets } = (a.network as unknown as { connector: { targets: Map<PeerId, object> } }).connector
    const atRest = { timer: undefined, dialling: undefined, lookingUp: undefined }
    await vi.waitFor(() => expect(targets.get(b.peer)).toMatchObject(atRest), WAIT)
  })

  test('whom nobody introduced cannot be wanted; nor can more than the limit', async () => {
    const [a, b, c] = await strangers(3, { settings: { wantedPeersMax: 1 } })
    const [one, two, three] = [present(a, 'a'), present(b, 'b'), present(c, 'c')]
    const unknown = peerIdOfSeed(new Uint8Array(32).fill(99))
    expect(one.network.want(unknown, 1000)).toBe(false)
    expect(one.network.send(unknown, 'rpc', bytes('x'))).toBe('disconnected')
    expect(one.network.canReach(unknown)).toBe(false)
    expect(one.network.want(two.peer, 60_000)).toBe(true)
    expect(one.network.send(three.peer, 'rpc', bytes('x'))).toBe('disconnected')
    expect(one.network.counters['demandRefused']).toBe(1)
    await connected(one, two)
  })

  test('a want that is over makes room for another', async () => {
    const [a, b, c] = await strangers(3, { settings: { wantedPeersMax: 1 } })
    const [one, two, three] = [present(a, 'a'), present(b, 'b'), present(c, 'c')]
    expect(one.network.want(two.peer, 50)).toBe(true)
    await vi.waitFor(() => expect(one.network.want(three.peer, 60_000)).toBe(true), WAIT)
    await connected(one, three)
  })

  test('a neighbour without a connection is no matter of demand: it is dialled already', async () => {
    const [a, b] = await strangePair()
    await b.network.stop()
    a.network.setNeighbours([b.peer])
    expect(a.network.send(b.peer, 'rpc', bytes('x'))).toBe('disconnected')
    expect(a.network.canReach(b.peer)).toBe(false)
  })
})

describe('what nobody uses', () => {
  test('is closed once, at both ends, and not dialled again', async () => {
    const [a, b] = await strangePair({ settings: { idleCloseMs: 200, demandMs: 5000 } })
    a.network.send(b.peer, 'rpc', bytes('hello'))
    await connected(a, b)
    await vi.waitFor(() => expect(a.events.concat(b.events)).toHaveLength(4), WAIT)
    const idled = [a, b].map(({ network }) => present(network.counters['linksIdledOut'], 'a counter'))
    expect(idled[0] ?? 0).toBeLessThanOrEqual(1)
    expect((idled[0] ?? 0) + (idled[1] ?? 0)).toBeGreaterThanOrEqual(1)
    expect(
      disconnections(a)
        .concat(disconnections(b))
        .some((event) => 'byPeer' in event && !event.byPeer),
    ).toBe(true)
    expect(a.network.connectedPeers()).toEqual([])
    expect(a.network.counters['dialFailures']).toBe(0)
  })

  test.each(['sender', 'receiver'])('stays while it is used: the %s closes nothing', async (who) => {
    const [a, b] = await strangePair({ settings: { demandMs: 50, idleCloseMs: 10_000 } })
    // A demand holds for a moment only: on a busy machine the first may be over before the dial is.
    await vi.waitFor(() => {
      if (!a.network.isConnected(b.peer)) a.network.send(b.peer, 'rpc', bytes('hello'))
      expect(a.network.isConnected(b.peer)).toBe(true)
    }, WAIT)
    await connected(a, b)
    // Looks of the keeper are let happen by hand: ten times what closes an idle connection.
    const keeper = (who === 'sender' ? a : b).network as unknown as { keeper: { look(): void } }
    for (let look = 0; look < 40; look++) {
      a.network.send(b.peer, 'rpc', bytes(String(look)))
      await vi.waitFor(() => expect(b.messages.rpc).toHaveLength(look + 1), WAIT)
      keeper.keeper.look()
    }
    expect(a.events.concat(b.events)).toHaveLength(2)
  })

  test('stays while one side keeps it as a neighbour and uses it, whatever the other thinks of neighbours', async () => {
    const [a, b] = await strangePair({ settings: { idleCloseMs: 400 } })
    a.network.setNeighbours([b.peer])
    await connected(a, b)
    await vi.waitFor(() => {
      a.network.send(b.peer, 'membership', bytes('ping'))
      expect(b.messages.membership.length).toBeGreaterThan(60)
    }, WAIT)
    expect(disconnections(a).concat(disconnections(b))).toEqual([])
  })

  test('stays while it is wanted, used or not', async () => {
    const [a, b] = await strangePair({ settings: { idleCloseMs: 200 } })
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const)
      one.network.want(other.peer, 60_000)
    await connected(a, b)
    const looks = [a, b].map(({ network }) =>
      vi.spyOn((network as unknown as { keeper: { look(): void } }).keeper, 'look'),
    )
    a.network['keeper'].stop()
    a.network['keeper'].start()
    await vi.waitFor(() => expect(looks[0]?.mock.calls.length).toBeGreaterThan(8), WAIT)
    expect(a.events.concat(b.events)).toHaveLength(2)
  })
})

test('more than the limit that this node does not want: the longest unused goes, the newest stays', async () => {
  const nodes = await strangers(5, { settings: { spareLinksMax: 2, demandMs: 60_000 } })
  const [hub, ...others] = nodes
  const center = present(hub, 'a hub')
  for (const [at, other] of others.entries()) {
    other.network.send(center.peer, 'rpc', bytes('hello'))
    await vi.waitFor(() => expect(center.network.isConnected(other.peer)).toBe(true), WAIT)
    expect(center.network.connectedPeers().length).toBeLessThanOrEqual(Math.min(2, at + 1))
    // Those before have been unused for one look more.
    ;(center.network as unknown as { keeper: { look(): void } }).keeper.look()
  }
  expect(center.network.counters['linksEvicted']).toBeGreaterThanOrEqual(2)
})

test('8 nodes with 2 neighbours each: the degree stays, everybody can be sent to, and the degree comes back', async () => {
  const nodes = await strangers(8, { settings: { idleCloseMs: 600, demandMs: 200 } })
  const ring = (at: number): PeerId => present(nodes[(at + nodes.length) % nodes.length], 'a node').peer
  for (const [at, { network }] of nodes.entries()) network.setNeighbours([ring(at - 1), ring(at + 1)])
  const chatter = (): void => {
    for (const [at, { network }] of nodes.entries())
      for (const offset of [-1, 1]) network.send(ring(at + offset), 'membership', bytes('ping'))
  }
  const degree = (size: number) => () => {
    chatter()
    for (const { network } of nodes) expect(network.connectedPeers()).toHaveLength(size)
  }
  await vi.waitFor(degree(2), WAIT)
  const from = present(nodes[0], 'a node')
  for (const { peer, messages } of nodes.slice(1)) {
    await vi.waitFor(() => {
      chatter()
      expect(from.network.send(peer, 'rpc', bytes('to all'))).toBe('queued')
    }, WAIT)
    await vi.waitFor(() => expect(messages.rpc.length).toBeGreaterThan(0), WAIT)
  }
  await vi.waitFor(degree(2), WAIT)
})

describe('who ended it', () => {
  const byPeer = (node: TestNode) => disconnections(node).map((event) => 'byPeer' in event && event.byPeer)

  async function neighbours(): Promise<[TestNode, TestNode]> {
    const [a, b] = await strangePair({ settings: { dialGraceMs: 60_000, redialMsMin: 60_000, stableMs: 0 } })
    a.network.setNeighbours([b.peer])
    b.network.setNeighbours([a.peer])
    await connected(a, b)
    return [a, b]
  }

  test('hanging up: this node here, the other there; and the other dials again within a moment', async () => {
    const [a, b] = await neighbours()
    a.network.hangUp(b.peer)
    await vi.waitFor(() => expect(b.events.length).toBeGreaterThan(1), WAIT)
    expect([byPeer(a), byPeer(b)]).toEqual([[false], [true]])
    // With every usual pause at a minute, only the one after an end by the other side is left.
    await connected(a, b)
  })

  test.each([0, 1])(
    'a connection reset from below: the network, as both see it; dialled again (%i)',
    async (end) => {
      const nodes = await neighbours()
      const broken = present(nodes[end], 'a node')
      const [connection] = hostOf(broken).getConnections()
      const { socket } = (
        connection as unknown as { maConn: { socket: { destroy(): void; resetAndDestroy(): void } } }
      ).maConn
      socket.resetAndDestroy()
      await vi.waitFor(() => expect(nodes.map(byPeer)).toEqual([[true], [true]]), WAIT)
      await connected(...nodes)
    },
  )

  test('a stop: the other side is told by the network', async () => {
    const [a, b] = await neighbours()
    await a.network.stop()
    await vi.waitFor(() => expect([byPeer(a), byPeer(b)]).toEqual([[false], [true]]), WAIT)
  })

  test('the gate: this node here', async () => {
    const keys = seeds(2)
    const roster = new Set(keys.map(peerIdOfSeed))
    const own = new Set(roster)
    const a = await startNode({ seed: present(keys[0], 'seed'), roster: own })
    const b = await startNode({ seed: present(keys[1], 'seed'), roster })
    a.network.setPeers([{ peer: b.peer, addresses: b.listening() }])
    await connected(a, b)
    own.delete(b.peer)
    a.network.enforceGate()
    await vi.waitFor(() => expect([byPeer(a), byPeer(b)]).toEqual([[false], [true]]), WAIT)
  })
})

test('the link of a peer: where it is and which way it takes; nothing without a connection', async () => {
  const [a, b] = await strangePair()
  expect(a.network.linkOf(b.peer)).toBeUndefined()
  a.network.want(b.peer, 60_000)
  await connected(a, b)
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const)
    expect(one.network.linkOf(other.peer)).toEqual({ path: 'loopback', remoteAddress: '127.0.0.1' })
})
