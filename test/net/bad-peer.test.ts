/** An admitted peer that sends garbage: its stream is reset, the node and everything else go on. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { LIMITS, type PeerId, present } from '../../src/base/index.ts'
import { encodeFrames, frameCost } from '../../src/net/frame.ts'
import { peerIdOfSeed } from '../../src/net/identity.ts'
import type { NetSettings, Protocol } from '../../src/net/index.ts'
import { PROTOCOLS, protocolName } from '../../src/net/protocols.ts'
import {
  bytes,
  dial,
  ended,
  openRaw,
  SCOPE,
  seeds,
  startFriendlyRaw,
  startNode,
  stopAll,
  WAIT,
} from './support.ts'

afterEach(stopAll)

/** The raw peer has the lower id, so the connection on which it opens streams is the one in use. */
async function setUp(settings: Partial<NetSettings> = {}) {
  const [low, high] = seeds(2)
  const rawSeed = present(low, 'a seed')
  const seed = present(high, 'a seed')
  const rawPeer: PeerId = peerIdOfSeed(rawSeed)
  // The raw peer takes no part in gossip, which is not the subject here.
  const noGossip = { gossipRenewMs: 600_000, gossipHangUpMs: 600_000 }
  const node = await startNode({ seed, roster: new Set([rawPeer]), settings: { ...noGossip, ...settings } })
  const raw = await startFriendlyRaw(rawSeed)
  const connection = await dial(raw, node)
  const streams = new Map<Protocol, Awaited<ReturnType<typeof openRaw>>>()
  for (const protocol of PROTOCOLS) streams.set(protocol, await openRaw(connection, protocol))
  await vi.waitFor(() => expect(node.network.isConnected(rawPeer)).toBe(true), WAIT)
  const streamOf = (protocol: Protocol) => present(streams.get(protocol), 'a stream')
  return { node, raw, rawPeer, connection, streamOf }
}

const header = (length: number) => {
  const head = new Uint8Array(4)
  new DataView(head.buffer).setUint32(0, length)
  return head
}

const broken: [string, Uint8Array, string][] = [
  ['garbage', Uint8Array.from({ length: 5000 }, (_, index) => 255 - (index % 251)), 'malformedFrames'],
  ['an over-long frame', header(LIMITS.peerMessageBytesMax + 1), 'malformedFrames'],
  ['a frame of length zero', header(0), 'malformedFrames'],
  ['a frame beyond its credit', new Uint8Array(0), 'creditViolations'],
]

describe.each(PROTOCOLS)('on %s', (protocol) => {
  test.each(broken)(
    '%s: the stream is reset, the connection and the other streams go on',
    async (_, sent, counter) => {
      const { node, rawPeer, connection, streamOf } = await setUp()
      const { stream } = streamOf(protocol)
      if (counter === 'creditViolations') {
        // Handlers that never settle give nothing back, so the second megabyte and a half is not paid for.
        node.onMessage = () => new Promise<void>(() => undefined)
        const big = new Uint8Array(LIMITS.peerMessageBytesMax).fill(1)
        stream.send(encodeFrames([big, big]))
      } else {
        stream.send(sent)
      }
      await ended(stream)
      await vi.waitFor(() => expect(node.network.counters[counter]).toBe(1), WAIT)
      for (const other of PROTOCOLS) {
        if (other === protocol) continue
        streamOf(other).stream.send(encodeFrames([bytes('still here')]))
        await vi.waitFor(
          () => expect(node.messages[other].map(({ text }) => text)).toEqual(['still here']),
          WAIT,
        )
      }
      expect(connection.status).toBe('open')
      expect(node.events).toEqual([{ type: 'connected', peer: rawPeer }])
      expect(node.network.send(rawPeer, protocol, bytes('hello'))).toBe('queued')

      node.onMessage = () => undefined
      if (counter === 'creditViolations') return
      const again = await openRaw(connection, protocol)
      again.stream.send(encodeFrames([bytes('better now')]))
      await vi.waitFor(() => expect(node.messages[protocol].at(-1)?.text).toBe('better now'), WAIT)
    },
  )
})

test('a message cut off by the end of the stream is a broken frame, not a message', async () => {
  const { node, streamOf } = await setUp()
  const { stream } = streamOf('task')
  stream.send(encodeFrames([bytes('whole')]))
  stream.send(encodeFrames([bytes('cut off')]).subarray(0, 8))
  await stream.close()
  await vi.waitFor(() => expect(node.network.counters['malformedFrames']).toBe(1), WAIT)
  expect(node.messages.task.map(({ text }) => text)).toEqual(['whole'])
})

test('a peer that opens its stream anew gets no new window for what is still being handled', async () => {
  const { node, connection, streamOf } = await setUp()
  const settled: (() => void)[] = []
  node.onMessage = () => new Promise<void>((resolve) => settled.push(resolve))
  const first = streamOf('rpc')
  const size = 64 * 1024
  const affordable = Math.floor(LIMITS.peerWindowBytesMax / frameCost(size))
  for (let index = 0; index < affordable; index++)
    first.stream.send(encodeFrames([new Uint8Array(size).fill(1)]))
  await vi.waitFor(() => expect(node.messages.rpc).toHaveLength(affordable), WAIT)
  first.stream.abort(new Error('test'))
  const second = await openRaw(connection, 'rpc')
  expect(second.account.credit).toBe(LIMITS.peerWindowBytesMax - affordable * frameCost(size))

  for (const settle of settled) settle()
  await vi.waitFor(
    () => expect(second.account.credit).toBeGreaterThan((LIMITS.peerWindowBytesMax * 3) / 4),
    WAIT,
  )
  expect(second.account.credit).toBeLessThanOrEqual(LIMITS.peerWindowBytesMax)
})

test('credit that breaks the rules resets our stream, and it is opened again', async () => {
  const { node, raw, rawPeer, connection } = await setUp()
  const inbound = () =>
    connection.streams.find(
      ({ direction, protocol }) => direction === 'inbound' && protocol === protocolName(SCOPE, 'raft'),
    )
  const stream = present(inbound(), "the node's stream")
  stream.send(header(0))
  await ended(stream)
  expect(node.network.counters['malformedFrames']).toBe(1)
  await vi.waitFor(() => expect(inbound()).toBeDefined(), WAIT)
  let got = 0
  inbound()?.addEventListener('message', ({ data }) => {
    got += data.byteLength
  })
  await vi.waitFor(() => {
    node.network.send(rawPeer, 'raft', bytes('x'))
    expect(got).toBeGreaterThan(0)
  }, WAIT)
  expect(raw.getConnections()).toHaveLength(1)
})

test('repeated broken frames: the connection closes and the peer is shut out for a while', async () => {
  const { node, raw, rawPeer, connection, streamOf } = await setUp({ violationsMax: 3, barredMsMin: 600_000 })
  streamOf('raft').stream.send(header(0))
  streamOf('rpc').stream.send(header(0))
  streamOf('task').stream.send(header(0))
  await vi.waitFor(() => expect(node.network.counters['peersBarred']).toBe(1), WAIT)
  await vi.waitFor(() => expect(connection.status).not.toBe('open'), WAIT)
  expect(node.network.isConnected(rawPeer)).toBe(false)
  await dial(raw, node).catch(() => undefined)
  await vi.waitFor(() => expect(node.network.counters['connectionsRefused']).toBeGreaterThan(0), WAIT)
  await vi.waitFor(() => expect(raw.getConnections()).toHaveLength(0), WAIT)
})

test('an unknown version of a protocol is refused; the connection stays', async () => {
  const { connection } = await setUp()
  await expect(connection.newStream(`/populi/${SCOPE}/raft/99`)).rejects.toMatchObject({
    name: 'UnsupportedProtocolError',
  })
  await expect(connection.newStream(`/populi/anotherscopeanother/raft/1`)).rejects.toMatchObject({
    name: 'UnsupportedProtocolError',
  })
  expect(connection.status).toBe('open')
})
