import { describe, expect, it } from 'vitest'
import { EventQueue } from '../../../simulations/world/event-queue.ts'
import { peerOf } from '../../../simulations/world/foundation.ts'
import { type Endpoint, Network } from '../../../simulations/world/network.ts'
import { type PeerId, Random } from '../../../src/base/index.ts'
import type { PeerEvent } from '../../../src/node/index.ts'

const QUALITY = { delayMsMin: 1, delayMsMax: 40, spikePart: 0.2, gossipLostPart: 0, gossipTwicePart: 0 }

class Host implements Endpoint {
  readonly peer: PeerId
  readonly events: string[] = []
  readonly received: string[] = []
  readonly gossip: string[] = []
  isUp = true
  isAwake = true
  life = 1
  /** Of its handlers, while they give no credit. */
  credit: Promise<void> | undefined

  constructor(name: string) {
    this.peer = peerOf(name)
  }

  isAdmitted(): boolean {
    return true
  }

  take(work: () => void): void {
    if (this.isUp) work()
  }

  tellPeer({ type }: PeerEvent): void {
    this.events.push(type)
  }

  deliver(_from: PeerId, protocol: string, bytes: Uint8Array): void | Promise<void> {
    this.received.push(`${protocol}${bytes[0]}`)
    return this.credit
  }

  deliverGossip(_from: PeerId, bytes: Uint8Array): void {
    this.gossip.push(String(bytes[0]))
  }
}

async function connected(seed = 1) {
  const queue = new EventQueue()
  const network = new Network(queue, new Random(seed), QUALITY)
  const [a, b] = [new Host('a'), new Host('b')]
  network.add(a)
  network.add(b)
  network.cameUp(a.peer)
  const pass = (ms: number) => queue.run(queue.nowMs + ms)
  await pass(2000)
  const send = (protocol: string, ...numbers: number[]) => {
    for (const number of numbers) network.endAt(a.peer, b.peer)?.stream(protocol).send(Uint8Array.of(number))
  }
  return { queue, network, a, b, pass, send }
}

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at)

describe('two machines', () => {
  it('connect, and each is told', async () => {
    const { a, b } = await connected()
    expect([a.events, b.events]).toEqual([['connected'], ['connected']])
  })

  it('a stream keeps its order, whatever its messages take', async () => {
    const { b, pass, send } = await connected()
    send('raft', ...numbers(50))
    await pass(2000)
    expect(b.received).toEqual(numbers(50).map((number) => `raft${number}`))
  })

  it('a stalled stream holds up its own messages and no others', async () => {
    const { network, a, b, pass, send } = await connected()
    const end = network.endAt(a.peer, b.peer)?.stream('raft').stall()
    send('raft', 1, 2)
    send('rpc', 3)
    await pass(3000)
    expect(b.received).toEqual(['rpc3'])
    end?.()
    await pass(5000)
    expect(b.received).toEqual(['rpc3', 'raft1', 'raft2'])
  })

  it.each(numbers(20))(
    'seed %i: a reset loses what is under way but for a prefix, and tells both ends',
    async (seed) => {
      const { network, a, b, pass, send } = await connected(seed)
      send('raft', ...numbers(10))
      network.reset(a.peer, b.peer)
      await pass(1500)
      expect(b.received).toEqual(numbers(b.received.length).map((number) => `raft${number}`))
      expect([a.events, b.events]).toEqual([
        ['connected', 'disconnected', 'connected'],
        ['connected', 'disconnected', 'connected'],
      ])
    },
  )

  it('some resets lose everything under way, and some do not', async () => {
    const arrived = await Promise.all(
      numbers(20).map(async (seed) => {
        const { network, a, b, pass, send } = await connected(seed)
        send('raft', ...numbers(10))
        network.reset(a.peer, b.peer)
        await pass(1500)
        return b.received.length
      }),
    )
    expect(arrived).toContain(0)
    expect(Math.max(...arrived)).toBeGreaterThan(0)
  })

  it('a silent path holds messages back in order and tells nobody, until one end gives up', async () => {
    const { network, a, b, pass, send } = await connected()
    const open = network.block(a.peer, b.peer)
    send('raft', 1, 2, 3)
    await pass(3000)
    expect([b.received, a.events]).toEqual([[], ['connected']])
    open()
    await pass(3000)
    expect(b.received).toEqual(['raft1', 'raft2', 'raft3'])
    network.block(a.peer, b.peer)
    await pass(60_000)
    expect(a.events.at(-1)).toBe('disconnected')
  })

  it('a path that is silent in one direction lets the other one through', async () => {
    const { network, a, b, pass } = await connected()
    network.block(a.peer, b.peer)
    network.endAt(b.peer, a.peer)?.stream('raft').send(Uint8Array.of(7))
    await pass(2000)
    expect(a.received).toEqual(['raft7'])
  })

  it('a machine whose power goes tells nobody, one whose process ends does', async () => {
    for (const isSilent of [true, false]) {
      const { network, a, b, pass } = await connected()
      a.isUp = false
      network.wentDown(a.peer, isSilent)
      await pass(3000)
      expect(b.events.at(-1)).toBe(isSilent ? 'connected' : 'disconnected')
    }
  })

  it('what is under way to one process never reaches the next one of that machine', async () => {
    const { network, a, b, pass, send } = await connected()
    send('raft', ...numbers(10))
    b.isUp = false
    network.wentDown(b.peer, true)
    b.isUp = true
    b.life += 1
    network.cameUp(b.peer)
    await pass(3000)
    expect(b.received).toEqual([])
    expect(a.events.at(-1)).toBe('connected')
  })

  it('a stream without credit is full, and has room again when its messages were handled', async () => {
    const { network, a, b, pass, send } = await connected()
    const handled = Promise.withResolvers<void>()
    b.credit = handled.promise
    const stream = network.endAt(a.peer, b.peer)?.stream('raft')
    stream?.congest(2)
    send('raft', 1, 2)
    await pass(2000)
    expect(stream?.isFull).toBe(true)
    handled.resolve()
    await pass(1)
    expect(stream?.isFull).toBe(false)
  })
})

describe('three machines', () => {
  it('gossip reaches a machine that is connected to another one only', async () => {
    const { network, a, b, pass } = await connected()
    const c = new Host('c')
    network.add(c)
    for (const release of [network.path(a.peer, c.peer), network.path(c.peer, a.peer)]) release.cut()
    network.cameUp(c.peer)
    await pass(2000)
    network.publish(a.peer, Uint8Array.of(9))
    await pass(2000)
    expect(network.endAt(a.peer, c.peer)).toBeUndefined()
    expect([b.gossip, c.gossip]).toEqual([['9'], ['9']])
  })
})
