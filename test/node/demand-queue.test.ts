import { describe, expect, it } from 'vitest'
import { LIMITS, type PeerId } from '../../src/base/index.ts'
import { DemandQueue } from '../../src/node/demand-queue.ts'
import { groupOf } from '../../src/node/link-wishes.ts'
import type { PeerEvent, SendResult, Transport } from '../../src/node/ports.ts'
import { VirtualTime } from './support/virtual-time.ts'

const PEER = 'peer' as PeerId

function queue() {
  const time = new VirtualTime()
  const sent: string[] = []
  const handlers: ((event: PeerEvent) => void)[] = []
  const line = { answer: 'dialling' as SendResult }
  const transport = {
    send: (_peer: PeerId, _protocol: string, message: Uint8Array) => {
      if (line.answer === 'queued') sent.push(String(message[0]))
      return line.answer
    },
    onPeer: (handler: (event: PeerEvent) => void) => handlers.push(handler),
  } as unknown as Transport
  const demand = new DemandQueue(transport, time, 'task')
  const connect = (): void => {
    line.answer = 'queued'
    for (const handler of handlers) handler({ type: 'connected', peer: PEER })
  }
  const dropped: number[] = []
  const send = (number: number, patienceMs = 1000) =>
    demand.send(PEER, Uint8Array.of(number), patienceMs, () => dropped.push(number))
  return { time, line, sent, dropped, demand, connect, send }
}

describe('what is sent to a peer that has to be connected to first', () => {
  it('waits, and goes out in order when the connection is there', async () => {
    const { time, sent, dropped, connect, send } = queue()
    expect([send(1), send(2)]).toEqual(['queued', 'queued'])
    await time.run(500)
    expect(sent).toEqual([])
    connect()
    expect(send(3)).toBe('queued')
    await time.run(5000)
    expect(sent).toEqual(['1', '2', '3'])
    expect(dropped).toEqual([])
  })

  it('is given up after its patience, each by itself, and whoever sent it is told', async () => {
    const { time, sent, dropped, connect, send } = queue()
    send(1, 100)
    send(2, 300)
    await time.run(200)
    expect(dropped).toEqual([1])
    connect()
    expect(sent).toEqual(['2'])
    await time.run(1000)
    expect(dropped).toEqual([1])
  })

  it('is bounded: more is refused, and fits again when some was given up', async () => {
    const { time, send } = queue()
    for (let number = 0; number < LIMITS.demandQueueMessagesMax; number++) expect(send(number)).toBe('queued')
    expect(send(99)).toBe('full')
    await time.run(1000)
    expect(send(99)).toBe('queued')
  })

  it('what the connection does not take is as lost as what waited for none', () => {
    const { line, dropped, connect, send } = queue()
    send(1)
    connect()
    line.answer = 'dialling'
    send(2)
    line.answer = 'full'
    expect(dropped).toEqual([])
    expect(send(3)).toBe('queued')
  })

  it('a peer that cannot be dialled is said at once', () => {
    const { line, send } = queue()
    line.answer = 'disconnected'
    expect(send(1)).toBe('disconnected')
  })
})

describe('whom the authority needs connections to', () => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'] as [PeerId, PeerId, PeerId, PeerId]
  const configuration = { voters: [a, b], votersOutgoing: [], learners: [c, d], leave: 'auto' } as const

  it.each([
    ['the leader: everybody', 'leader', a, a, [a, b, c, d]],
    ['a voter: the voters', 'follower', b, a, [a, b]],
    ['a voter without a leader: the voters', 'candidate', b, undefined, [a, b]],
    ['a learner: the leader', 'follower', c, a, [a]],
    ['a learner without a leader: nobody', 'follower', c, undefined, []],
  ] as const)('%s', (_, role, self, leader, expected) => {
    expect([...groupOf({ role, self, leader, configuration })]).toEqual(expected)
  })

  it('in a joint change the voters of both sides', () => {
    const joint = { voters: [a, b], votersOutgoing: [c], learners: [], leave: 'auto' } as const
    expect([...groupOf({ role: 'follower', self: c, leader: a, configuration: joint })]).toEqual([a, b, c])
  })
})
