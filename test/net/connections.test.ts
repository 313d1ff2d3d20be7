import { type AddressInfo, createServer } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test, vi } from 'vitest'
import { type PeerId, present, Random, SystemClock, silentLogger } from '../../src/base/index.ts'
import { encodeFrames } from '../../src/net/frame.ts'
import { MeshNetwork, peerIdOfSeed } from '../../src/net/index.ts'
import { PROTOCOLS, protocolName } from '../../src/net/protocols.ts'
import {
  bytes,
  connectAll,
  dial,
  hostOf,
  makeNode,
  openRaw,
  SCOPE,
  seeds,
  startFriendlyRaw,
  startMesh,
  startNode,
  startPair,
  startRaw,
  stopAll,
  type TestNode,
  WAIT,
} from './support.ts'

afterEach(stopAll)

const isOnline = (node: TestNode, peer: PeerId) => () => expect(node.network.isConnected(peer)).toBe(true)
const isOffline = (node: TestNode, peer: PeerId) => () => expect(node.network.isConnected(peer)).toBe(false)

test('a peer that stops: "disconnected" once, and send says so', async () => {
  const { a, b } = await startPair()
  await b.network.stop()
  await vi.waitFor(isOffline(a, b.peer), WAIT)
  expect(a.events).toEqual([
    { type: 'connected', peer: b.peer },
    { type: 'disconnected', peer: b.peer, byPeer: true },
  ])
  expect(a.network.send(b.peer, 'raft', bytes('hello'))).toBe('disconnected')
  expect(b.events).toEqual([
    { type: 'connected', peer: a.peer },
    { type: 'disconnected', peer: a.peer, byPeer: false },
  ])
})

test('a peer that is hung up: "disconnected" once at both ends, then connected again', async () => {
  const { a, b } = await startPair()
  a.network.hangUp(b.peer)
  expect(a.network.isConnected(b.peer)).toBe(false)
  const thrice = ['connected', 'disconnected', 'connected']
  await vi.waitFor(() => expect(a.events.map(({ type }) => type)).toEqual(thrice), WAIT)
  await vi.waitFor(() => expect(b.events.map(({ type }) => type)).toEqual(thrice), WAIT)
  expect(a.network.counters['linksHungUp']).toBe(1)
  a.network.hangUp(peerIdOfSeed(present(seeds(3)[2], 'a stranger')))
})

test.each(['lower', 'higher'])(
  'the %s peer restarts at the same port: connected again, and messages flow',
  async (who) => {
    const { a, b } = await startPair()
    const [mover, stayer] = who === 'lower' ? [a, b] : [b, a]
    const [address] = mover.listening()
    await mover.network.stop()
    const { port } = new URL(`tcp://x:${/tcp\/(\d+)/.exec(present(address, 'an address'))?.[1]}`)
    const again = await startNode({
      seed: mover.seed,
      roster: new Set([stayer.peer]),
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
    })
    await vi.waitFor(isOnline(again, stayer.peer), WAIT)
    await vi.waitFor(isOnline(stayer, again.peer), WAIT)
    expect(stayer.events.map(({ type }) => type)).toEqual(['connected', 'disconnected', 'connected'])
    stayer.network.send(again.peer, 'rpc', bytes('welcome back'))
    await vi.waitFor(() => expect(again.messages.rpc.map(({ text }) => text)).toEqual(['welcome back']), WAIT)
  },
)

test('a peer that moved to another port is found through a third one (Kad-DHT)', async () => {
  const [mover, , third, seeker] = seeds(4)
  const roster = new Set(seeds(4).map(peerIdOfSeed))
  const a = await startNode({ seed: present(mover, 'seed'), roster })
  const c = await startNode({ seed: present(third, 'seed'), roster })
  const d = await startNode({ seed: present(seeker, 'seed'), roster })
  await connectAll([a, c, d])
  await a.network.stop()
  await vi.waitFor(isOffline(d, a.peer), WAIT)

  const moved = await startNode({ seed: a.seed, roster })
  // It tells its new address to the third peer only.
  moved.network.setPeers([{ peer: c.peer, addresses: c.listening() }])
  const [newAddress] = moved.listening()
  await vi.waitFor(async () => {
    const found = await d.network.findAddresses(moved.peer, { signal: AbortSignal.timeout(5000) })
    const ports = found.map((address) => /tcp\/(\d+)/.exec(address)?.[1])
    expect(ports).toContain(/tcp\/(\d+)/.exec(present(newAddress, 'an address'))?.[1])
  }, WAIT)
  await vi.waitFor(isOnline(d, moved.peer), WAIT)
})

test('both sides dial at once: one connection is left, the same at both, ten times', async () => {
  const pairs = seeds(20)
  const roster = new Set(pairs.map(peerIdOfSeed))
  for (let index = 0; index < pairs.length; index += 2) {
    const settings = { dialGraceMs: 0 }
    const a = await startNode({ seed: present(pairs[index], 'seed'), roster, settings })
    const b = await startNode({ seed: present(pairs[index + 1], 'seed'), roster, settings })
    await connectAll([a, b])
    await vi.waitFor(() => {
      expect(hostOf(a).getConnections()).toHaveLength(1)
      expect(hostOf(b).getConnections()).toHaveLength(1)
    }, WAIT)
    const directions = [a, b].map((node) => hostOf(node).getConnections()[0]?.direction)
    expect(new Set(directions)).toEqual(new Set(['inbound', 'outbound']))
    expect(a.events).toHaveLength(1)
    expect(b.events).toHaveLength(1)
    a.network.send(b.peer, 'task', bytes('one'))
    await vi.waitFor(() => expect(b.messages.task).toHaveLength(1), WAIT)
    await stopAll()
  }
})

// The node's side of a machine that lost power and came back: the old connection still looks alive here.
test.each([
  ['chooses', 1],
  ['does not choose', 0],
])('the node %s: a second connection of a peer takes the place of the first', async (_, rank) => {
  const keys = seeds(2)
  const rawSeed = present(keys.splice(rank, 1)[0], 'seed')
  const rawPeer = peerIdOfSeed(rawSeed)
  const node = await startNode({ seed: present(keys[0], 'seed'), roster: new Set([rawPeer]) })
  const raw = await startFriendlyRaw(rawSeed)
  const connect = async () => {
    const connection = await raw.dial(
      node.listening().map((each) => multiaddr(each)),
      { force: true },
    )
    const streams = []
    for (const protocol of PROTOCOLS) streams.push(await openRaw(connection, protocol))
    return { connection, stream: present(streams[0], 'a stream').stream }
  }
  const first = await connect()
  await vi.waitFor(isOnline(node, rawPeer), WAIT)
  const second = await connect()
  await vi.waitFor(() => expect(node.events).toHaveLength(3), WAIT)
  expect(node.events.map(({ type }) => type)).toEqual(['connected', 'disconnected', 'connected'])
  await vi.waitFor(() => expect(first.connection.status).not.toBe('open'), WAIT)
  second.stream.send(encodeFrames([bytes('on the new one')]))
  await vi.waitFor(() => expect(node.messages.raft.map(({ text }) => text)).toEqual(['on the new one']), WAIT)
  expect(second.connection.status).toBe('open')
})

test('a peer that never confirms is not "connected", and is hung up on', async () => {
  const [low, high] = seeds(2)
  const rawPeer = peerIdOfSeed(present(high, 'seed'))
  const settings = { confirmTimeoutMs: 300 }
  const node = await startNode({ seed: present(low, 'seed'), roster: new Set([rawPeer]), settings })
  const raw = await startRaw(present(high, 'seed'))
  // Accepts the streams and says nothing.
  for (const protocol of PROTOCOLS) await raw.handle(protocolName(SCOPE, protocol), () => undefined)
  const connection = await dial(raw, node)
  await vi.waitFor(() => expect(connection.status).not.toBe('open'), WAIT)
  expect(node.network.counters['linksUnconfirmed']).toBe(1)
  expect(node.events).toEqual([])
})

test('a peer without our protocols is given up', async () => {
  const [low, high] = seeds(2)
  const rawPeer = peerIdOfSeed(present(high, 'seed'))
  const settings = { reopenMsMin: 5, reopenMsMax: 10 }
  const node = await startNode({ seed: present(low, 'seed'), roster: new Set([rawPeer]), settings })
  const connection = await dial(await startRaw(present(high, 'seed')), node)
  await vi.waitFor(() => expect(connection.status).not.toBe('open'), WAIT)
  expect(node.network.counters['linksGivenUp']).toBe(1)
  expect(node.events).toEqual([])
})

test('a connection that fails in the tick in which a stream is opened on it does not end the process', async () => {
  const { a, b } = await startPair()
  const uncaught = vi.fn()
  process.prependListener('uncaughtException', uncaught)
  const connection = present(hostOf(a).getConnections()[0], 'a connection')
  const attempt = connection.newStream(protocolName(SCOPE, 'raft'))
  connection.abort(new Error('test'))
  await expect(attempt).rejects.toThrow()
  await vi.waitFor(() => expect(a.events).toHaveLength(2), WAIT)
  process.removeListener('uncaughtException', uncaught)
  expect(uncaught).not.toHaveBeenCalled()
  await vi.waitFor(isOnline(a, b.peer), WAIT)
})

test('a peer that is no longer admitted is disconnected and cannot come back', async () => {
  const keys = seeds(2)
  const roster = new Set(keys.map(peerIdOfSeed))
  const own = new Set(roster)
  const a = await startNode({ seed: present(keys[0], 'seed'), roster: own })
  const b = await startNode({ seed: present(keys[1], 'seed'), roster })
  await connectAll([a, b])
  own.delete(b.peer)
  a.network.enforceGate()
  expect(a.network.connectedPeers()).toEqual([])
  await vi.waitFor(isOffline(b, a.peer), WAIT)
  await vi.waitFor(() => expect(a.network.counters['connectionsRefused']).toBeGreaterThan(2), WAIT)
  expect(a.network.counters['linksExpelled']).toBe(1)
  expect(a.events.map(({ type }) => type)).toEqual(['connected', 'disconnected'])

  own.add(b.peer)
  await vi.waitFor(isOnline(a, b.peer), WAIT)
})

test('a peer that is dropped from the list stays connected, and is not dialled again once it went', async () => {
  const { a, b } = await startPair()
  a.network.setPeers([])
  expect(a.network.isConnected(b.peer)).toBe(true)
  await b.network.stop()
  await vi.waitFor(isOffline(a, b.peer), WAIT)
  expect(a.network.counters['dialFailures']).toBe(0)
})

test('5 nodes: every pair has exactly one connection', async () => {
  const nodes = await startMesh(5)
  for (const node of nodes)
    await vi.waitFor(() => expect(hostOf(node).getConnections()).toHaveLength(4), WAIT)
})

test('addresses that are malformed or name another peer are ignored and counted', async () => {
  const keys = seeds(3)
  const [first, second, third] = keys.map(peerIdOfSeed)
  const roster = new Set(keys.map(peerIdOfSeed))
  const a = await startNode({ seed: present(keys[0], 'seed'), roster })
  const b = await startNode({ seed: present(keys[1], 'seed'), roster })
  expect(a.peer).toBe(first)
  const [good] = b.listening()
  const wrong = ['nonsense', '/ip4/127.0.0.1/udp/1', `/ip4/127.0.0.1/tcp/1/p2p/${third}`]
  a.network.setPeers([{ peer: present(second, 'peer'), addresses: [...wrong, present(good, 'an address')] }])
  await vi.waitFor(isOnline(a, b.peer), WAIT)
  expect(a.network.counters['addressesIgnored']).toBe(wrong.length)
})

test('a port in use is said with its address and the flag; nothing is left listening', async () => {
  const used = await occupy(0)
  const free = await occupy(0)
  await free.release()
  const node = makeNode({
    seed: present(seeds(1)[0], 'seed'),
    roster: new Set(),
    listen: [`/ip4/127.0.0.1/tcp/${free.port}`, `/ip4/127.0.0.1/tcp/${used.port}`],
  })
  await expect(node.network.start()).rejects.toMatchObject({
    code: 'net.port_in_use',
    details: { address: `127.0.0.1:${used.port}`, flag: '--peer-port' },
  })
  expect(node.network.addresses()).toEqual([])
  const again = await occupy(free.port)
  await again.release()
  await used.release()
})

/** Listens on a port of loopback like another program; rejects when it is taken. */
async function occupy(wanted: number): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(wanted, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return { port, release: () => new Promise((resolve) => server.close(() => resolve())) }
}

test('an address of another machine is bad input', async () => {
  const node = makeNode({ seed: new Uint8Array(32), roster: new Set(), listen: ['/ip4/192.0.2.1/tcp/0'] })
  await expect(node.network.start()).rejects.toMatchObject({ code: 'input.invalid' })
})

test.each(['', 'localhost:9846', '/ip4/127.0.0.1', '/ip4/127.0.0.1/udp/9846', '/ip4/300.0.0.1/tcp/1'])(
  'listening on "%s" is bad input',
  (listen) => {
    const make = () =>
      new MeshNetwork({
        privateKeySeed: new Uint8Array(32),
        scopeId: SCOPE,
        listen: [listen],
        isAdmitted: () => false,
        logger: silentLogger,
        random: new Random(1),
        clock: new SystemClock(),
      })
    expect(make).toThrow(expect.objectContaining({ code: 'input.invalid' }))
  },
)
