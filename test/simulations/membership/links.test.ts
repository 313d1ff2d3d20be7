import { beforeEach, describe, expect, it } from 'vitest'
import { EventHeap } from '../../../simulations/membership/event-heap.ts'
import * as kinds from '../../../simulations/membership/event-kinds.ts'
import { type Answer, Links } from '../../../simulations/membership/links.ts'
import { LAN, Paths } from '../../../simulations/membership/paths.ts'
import { Random } from '../../../src/base/index.ts'
import type { StreamMessage } from '../../../src/membership/index.ts'

const MESSAGE: StreamMessage = { type: 'nack', number: 1 }

/** Three machines, and what their processes are told: `1:closed by 0`. */
let heap: EventHeap
let paths: Paths
let links: Links
let answers: Answer[]
let told: string[]

beforeEach(() => {
  heap = new EventHeap()
  paths = new Paths(3, LAN, new Random(1))
  answers = ['accepts', 'accepts', 'accepts']
  told = []
  links = new Links({
    nodes: 3,
    heap,
    paths,
    random: new Random(2),
    answerOf: (node) => answers[node] ?? 'refuses',
    lifeOf: () => 1,
    onEnd: () => undefined,
    onSent: () => undefined,
  })
})

function run(ms: number): void {
  const untilMs = heap.now + ms
  while (heap.next(untilMs)) {
    const { kind, a, b, c } = heap
    if (kind === kinds.MESSAGE && links.receives(a, b, c)) told.push(`${b}: message of ${a}`)
    if (kind === kinds.TOLD) told.push(`${a}: ${['connected to', 'hung up', 'closed by'][c]} ${b}`)
    if (kind === kinds.CLOSED) links.onClosed(a, b, c)
    if (kind === kinds.DIAL) links.onDial(a, b)
    if (kind === kinds.DIALLED) links.onDialled(a, b)
    if (kind === kinds.UNANSWERED) links.onUnanswered(a, b)
    if (kind === kinds.IDLE) links.onIdle(a, b, c)
    if (kind === kinds.GIVE_UP) links.onGiveUp(a, b, c)
  }
}

function connected(): void {
  links.setNeighbours(0, [1])
  links.setNeighbours(1, [0])
  run(5000)
  told = []
}

describe('neighbours', () => {
  it('are dialled, and both ends are told', () => {
    links.setNeighbours(0, [1])
    run(100)
    expect(told).toEqual(['0: connected to 1', '1: connected to 0'])
    expect(links.degreeMax).toBe(1)
  })

  it('that hang up are dialled again', () => {
    connected()
    links.hangUp(1, 0)
    run(100)
    expect(told.slice(0, 2)).toEqual(['1: hung up 0', '0: closed by 1'])
    expect(told.slice(2)).toEqual(expect.arrayContaining(['0: connected to 1', '1: connected to 0']))
  })

  it('that refuse or are silent are dialled again and again until they are there', () => {
    answers[1] = 'refuses'
    links.setNeighbours(0, [1])
    run(60_000)
    answers[1] = 'silence'
    run(60_000)
    expect(told).toEqual([])
    answers[1] = 'accepts'
    run(17_000)
    expect(told).toEqual(['0: connected to 1', '1: connected to 0'])
  })
})

describe('a killed process', () => {
  it('is known to be gone by its peers, when its machine has a network', () => {
    connected()
    answers[1] = 'refuses'
    links.processEnded(1)
    run(100)
    expect(told).toEqual(['0: closed by 1'])
  })

  it('without one: only when a kernel gives up, if something was sent', () => {
    connected()
    paths.setNetwork(1, false)
    links.processEnded(1)
    run(60_000)
    expect(told).toEqual([])
    links.send(0, 1, MESSAGE, 0)
    run(60_000)
    expect(told).toEqual(['0: closed by 1'])
  })

  it('that was silent is known to be gone as soon as its machine is there again', () => {
    connected()
    paths.setNetwork(1, false)
    links.processEnded(1)
    run(1000)
    paths.setNetwork(1, true)
    links.send(0, 1, MESSAGE, 0)
    run(100)
    expect(told[0]).toBe('0: closed by 1')
  })
})

describe('a message', () => {
  it('for nobody’s neighbour goes over a connection on demand, which ends when it is idle', () => {
    links.send(0, 2, MESSAGE, 1000)
    run(100)
    expect(told).toEqual(['0: connected to 2', '2: connected to 0', '2: message of 0'])
    told = []
    run(119_000)
    expect(told).toEqual([])
    run(2000)
    expect(told).toEqual(['0: hung up 2', '2: closed by 0'])
  })

  it('is dropped when there is no connection within its patience, or none and no patience', () => {
    links.send(0, 1, MESSAGE, 0)
    answers[2] = 'silence'
    links.send(0, 2, MESSAGE, 1000)
    run(2000)
    answers[2] = 'accepts'
    links.setNeighbours(0, [1, 2])
    run(60_000)
    expect(told).not.toContain('1: message of 0')
    expect(told).not.toContain('2: message of 0')
    expect(told).toContain('0: connected to 2')
  })
})
