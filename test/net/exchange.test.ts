import { afterEach, expect, test, vi } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { frameCost } from '../../src/net/frame.ts'
import { PROTOCOLS } from '../../src/net/protocols.ts'
import { bytes, startMesh, startPair, stopAll, WAIT } from './support.ts'

afterEach(stopAll)

test('3 nodes: each sends to each on each protocol', async () => {
  const nodes = await startMesh(3)
  for (const from of nodes)
    for (const to of nodes)
      for (const protocol of PROTOCOLS)
        if (from !== to)
          expect(from.network.send(to.peer, protocol, bytes(`${protocol} hello`))).toBe('queued')
  for (const node of nodes)
    for (const protocol of PROTOCOLS) {
      await vi.waitFor(() => expect(node.messages[protocol]).toHaveLength(2), WAIT)
      expect(new Set(node.messages[protocol].map(({ from }) => from)).size).toBe(2)
      expect(node.messages[protocol].map((m) => m.text)).toEqual([`${protocol} hello`, `${protocol} hello`])
    }
})

test('2 nodes: messages of every size arrive in order and complete under load, both ways', async () => {
  const { a, b } = await startPair()
  const count = 3000
  const content = (index: number) => `${index}:${'x'.repeat((index * 7919) % 20_000)}`
  const sendAll = async (from: typeof a, to: typeof a) => {
    for (let next = 0; next < count; ) {
      if (from.network.send(to.peer, 'raft', bytes(content(next))) === 'queued') next += 1
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all([sendAll(a, b), sendAll(b, a)])
  for (const node of [a, b]) {
    await vi.waitFor(() => expect(node.messages.raft).toHaveLength(count), WAIT)
    expect(node.messages.raft.every(({ text }, index) => text === content(index))).toBe(true)
    expect(node.network.counters['messagesDropped']).toBe(0)
  }
})

test('2 nodes: a message of the largest size arrives, one byte more is refused at the sender', async () => {
  const { a, b } = await startPair()
  const largest = new Uint8Array(LIMITS.peerMessageBytesMax).fill(120)
  expect(a.network.send(b.peer, 'rpc', largest)).toBe('queued')
  await vi.waitFor(() => expect(b.messages.rpc[0]?.text.length).toBe(LIMITS.peerMessageBytesMax), WAIT)
  const tooLong = new Uint8Array(LIMITS.peerMessageBytesMax + 1)
  expect(() => a.network.send(b.peer, 'rpc', tooLong)).toThrow(
    new CodedError('net.frame_too_large', { got: tooLong.byteLength, max: LIMITS.peerMessageBytesMax }),
  )
})

test('a slow handler: the sender is told "full", the receiver holds one window, and all goes on afterwards', async () => {
  const { a, b } = await startPair()
  const settled: (() => void)[] = []
  b.onMessage = (protocol) =>
    protocol === 'task' ? new Promise<void>((resolve) => settled.push(resolve)) : undefined
  const size = 64 * 1024
  let sent = 0
  while (a.network.send(b.peer, 'task', bytes(String(sent).padStart(size, '0'))) === 'queued') sent += 1
  const held = Math.floor(LIMITS.peerWindowBytesMax / frameCost(size))
  await vi.waitFor(() => expect(b.messages.task).toHaveLength(held), WAIT)
  // Freed queue space fills again, but no further message comes: another protocol's message overtakes.
  while (a.network.send(b.peer, 'task', bytes(String(sent).padStart(size, '0'))) === 'queued') sent += 1
  expect(a.network.send(b.peer, 'rpc', bytes('overtakes'))).toBe('queued')
  await vi.waitFor(() => expect(b.messages.rpc).toHaveLength(1), WAIT)
  expect(b.messages.task).toHaveLength(held)
  expect(a.network.counters['queueFull']).toBe(2)

  b.onMessage = () => undefined
  for (const settle of settled) settle()
  await vi.waitFor(() => expect(b.messages.task).toHaveLength(sent), WAIT)
  expect(b.messages.task.every(({ text }, index) => Number(text) === index)).toBe(true)
})

test('handlers that throw or reject are counted and the stream goes on', async () => {
  const { a, b } = await startPair()
  b.onMessage = (protocol) => {
    if (protocol === 'rpc') throw new CodedError('wire.malformed', { what: 'request', reason: 'test' })
    return Promise.reject(new CodedError('wire.malformed', { what: 'task', reason: 'test' }))
  }
  for (const protocol of ['rpc', 'task'] as const)
    for (const word of ['one', 'two', 'three']) a.network.send(b.peer, protocol, bytes(word))
  for (const protocol of ['rpc', 'task'] as const)
    await vi.waitFor(
      () => expect(b.messages[protocol].map((m) => m.text)).toEqual(['one', 'two', 'three']),
      WAIT,
    )
  await vi.waitFor(() => expect(b.network.counters['handlerFailures']).toBe(6), WAIT)
  expect(b.events).toEqual([{ type: 'connected', peer: a.peer }])
})

test('no message comes before "connected" or after "disconnected"', async () => {
  const { a, b } = await startPair()
  const order: string[] = []
  b.network.onPeer(({ type }) => order.push(type))
  b.onMessage = () => {
    order.push('message')
  }
  a.network.send(b.peer, 'raft', bytes('first'))
  await vi.waitFor(() => expect(order).toEqual(['message']), WAIT)
  a.network.onPeer(({ type, peer }) => {
    // As early as a node can: in the event itself.
    if (type === 'connected') a.network.send(peer, 'raft', bytes('again'))
  })
  for (let index = 0; index < 100; index++) a.network.send(b.peer, 'raft', bytes('in flight'))
  await a.network.stop()
  await vi.waitFor(() => expect(order).toContain('disconnected'), WAIT)
  const end = order.indexOf('disconnected')
  expect(order.slice(end)).toEqual(['disconnected'])
  expect(b.network.send(a.peer, 'raft', bytes('late'))).toBe('disconnected')
})
