import { describe, expect, test } from 'vitest'
import { bootMs, nodeId } from '../../src/base/index.ts'
import {
  ATTIC,
  at,
  DESK,
  Driven,
  dead,
  heartbeat,
  LAN,
  leave,
  numbered,
  ROSTER,
  record,
  rosterOf,
  SELF,
  STRANGER,
  signed,
  suspect,
  WRONG_SIGNATURE,
} from './support.ts'

const OTHERS = [...ROSTER.keys()].filter((peer) => peer !== SELF)

/** All others are connected and well. */
function wellConnected(): Driven {
  const node = new Driven()
  node.connectWell(...OTHERS)
  node.run(3000)
  node.taken()
  return node
}

describe('what a member says', () => {
  test('a peer of the roster that was never heard of is unseen, however long it is silent', () => {
    const node = new Driven()
    node.run(3_600_000)
    expect(node.member(ATTIC)).toMatchObject({ status: 'unseen', incarnation: 0, lastSeen: undefined })
  })

  test.each([
    ['heartbeat', (node: Driven) => node.hear(ATTIC, heartbeat({ incarnation: at(3) }))],
    ['ping', (node: Driven) => node.tell(ATTIC, { type: 'ping', number: 1, incarnation: at(3) })],
    ['answer', (node: Driven) => node.tell(ATTIC, { type: 'ack', number: 1, incarnation: at(3) })],
  ])('its first %s makes it alive', (_, speak) => {
    const node = new Driven()
    node.taken()
    speak(node)
    expect(node.changes()).toEqual([
      {
        type: 'changed',
        peer: ATTIC,
        nodeId: 'attic',
        from: 'unseen',
        to: 'alive',
        cause: 'heartbeat',
        by: undefined,
        incarnation: at(3),
      },
    ])
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', lastSeen: node.now })
  })

  test('a refutation is told as such, and a new life as a heartbeat', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: at(1) }))
    node.taken()
    node.hear(ATTIC, heartbeat({ incarnation: at(1, 1), sequence: 2 }))
    node.hear(ATTIC, heartbeat({ incarnation: at(2), sequence: 1 }))
    expect(node.changes().map(({ cause }) => cause)).toEqual(['refuted', 'heartbeat'])
  })

  test('a repeated or overtaken heartbeat, or one of an older incarnation, is no sign of life', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ incarnation: at(2), sequence: 5 }))
    const heardAt = node.now
    node.run(100)
    node.hear(ATTIC, heartbeat({ incarnation: at(2), sequence: 5 }))
    node.hear(ATTIC, heartbeat({ incarnation: at(2), sequence: 4 }))
    node.hear(ATTIC, heartbeat({ incarnation: at(1), sequence: 99 }))
    expect(node.member(ATTIC)).toMatchObject({ incarnation: at(2), lastSeen: heardAt })
    expect(node.core.ignored.stale).toBe(3)
  })

  test.each([
    ['of no life', 7],
    ['of a life that leaves no room for another', 2 ** 52],
  ])('an incarnation %s is ignored and counted, whoever says it', (_, incarnation) => {
    const node = new Driven()
    const odd = at(0, incarnation)
    node.hear(ATTIC, heartbeat({ incarnation: odd }))
    node.hear(ATTIC, leave(odd))
    node.hear(DESK, suspect(ATTIC, odd))
    node.hear(DESK, dead(ATTIC, odd))
    node.hear(DESK, suspect(SELF, odd))
    node.tell(ATTIC, { type: 'ack', number: 1, incarnation: odd })
    const row = { peer: ATTIC, incarnation: odd, status: 'alive', recordVersion: 0 } as const
    node.tell(DESK, { type: 'rows', rows: [row], buckets: [], isAsking: false })
    expect(node.member(ATTIC).status).toBe('unseen')
    expect(node.member(SELF).incarnation).toBe(at(1))
    expect(node.core.ignored.stale).toBe(6)
  })

  test('strangers, and messages under this node’s own name, change nothing and are counted', () => {
    const node = new Driven()
    node.taken()
    node.hear(STRANGER, heartbeat())
    node.tell(STRANGER, { type: 'ping', number: 1, incarnation: at(1) })
    node.hear(ATTIC, suspect(STRANGER))
    node.hear(SELF, heartbeat({ incarnation: at(9) }))
    node.step({ type: 'connection_opened', peer: STRANGER })
    expect(node.taken()).toEqual([])
    expect(node.core.ignored).toEqual({ stranger: 3, own: 1, stale: 0, foreignRecord: 0 })
  })

  test('left outranks what others say of the same incarnation, before and after', () => {
    const node = wellConnected()
    node.hear(DESK, dead(ATTIC, at(2)))
    node.hear(ATTIC, leave(at(2)))
    expect(node.status(ATTIC)).toBe('left')
    node.hear(DESK, dead(ATTIC, at(2)))
    expect(node.status(ATTIC)).toBe('left')
    node.hear(ATTIC, heartbeat({ incarnation: at(3) }))
    expect(node.status(ATTIC)).toBe('alive')
  })

  test('the dead are shown with their record for a day, then as unseen; their incarnation stays', () => {
    const node = wellConnected()
    node.hear(ATTIC, heartbeat({ record: signed(ATTIC, 'attic') }))
    node.silence(ATTIC)
    node.hear(DESK, dead(ATTIC, at(1, 1)))
    node.run(LAN.tombstoneMs - 1)
    expect(node.member(ATTIC)).toMatchObject({ status: 'dead', record: { id: 'attic' } })
    const hash = node.core.tableHash
    node.run(2)
    expect(node.member(ATTIC)).toMatchObject({ status: 'unseen', record: undefined, incarnation: at(1, 1) })
    expect(node.core.tableHash).toBe(hash)
    node.hear(ATTIC, heartbeat({ incarnation: at(1), sequence: 50 }))
    expect(node.status(ATTIC)).toBe('unseen')
    node.hear(ATTIC, heartbeat({ incarnation: at(2) }))
    expect(node.status(ATTIC)).toBe('alive')
  })
})

describe('records', () => {
  test('a record of a higher version replaces the former, also when its heartbeat was overtaken', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ sequence: 2, record: signed(ATTIC, 'attic', { version: 2 }) }))
    node.hear(ATTIC, heartbeat({ sequence: 1, record: signed(ATTIC, 'attic', { version: 1 }) }))
    expect(node.member(ATTIC).record?.record_version).toBe(2)
    node.hear(ATTIC, heartbeat({ sequence: 1, record: signed(ATTIC, 'attic', { version: 3 }) }))
    expect(node.member(ATTIC).record?.record_version).toBe(3)
  })

  test('the record of an earlier life says nothing about the new one', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ record: signed(ATTIC, 'attic', { version: 4 }) }))
    node.hear(ATTIC, heartbeat({ incarnation: at(2) }))
    expect(node.member(ATTIC).record).toBeUndefined()
    node.tell(DESK, { type: 'records', records: [signed(ATTIC, 'attic', { version: 5 })] })
    expect(node.member(ATTIC).record).toBeUndefined()
    node.tell(DESK, { type: 'records', records: [signed(ATTIC, 'attic', { life: 2 })] })
    expect(node.member(ATTIC).record?.record_version).toBe(1)
  })

  test.each([
    ['with a wrong signature', signed(ATTIC, 'attic', { signature: WRONG_SIGNATURE })],
    ['that names another node', signed(ATTIC, 'desk')],
    ['that names another peer', signed(ATTIC, 'attic', { record: record('attic', { peer_id: DESK }) })],
  ])('a record %s is refused and counted, from its author and from others', (_, forged) => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ record: forged }))
    node.tell(DESK, { type: 'records', records: [forged] })
    expect(node.member(ATTIC)).toMatchObject({ status: 'alive', record: undefined })
    expect(node.core.ignored.foreignRecord).toBe(2)
  })

  test('a heartbeat does not carry the record of another', () => {
    const node = new Driven()
    node.hear(DESK, heartbeat())
    node.hear(ATTIC, heartbeat({ record: signed(DESK, 'desk') }))
    expect(node.member(DESK).record).toBeUndefined()
    expect(node.core.ignored.foreignRecord).toBe(1)
  })

  test('a change is applied to the version that it is for; who lacks that asks the author', () => {
    const node = wellConnected()
    node.hear(ATTIC, heartbeat({ record: signed(ATTIC, 'attic') }))
    const change = (from: number) => ({
      from,
      set: { running_tasks: from, record_version: from + 1 },
      unset: [],
      signature: signed(ATTIC, 'attic').signature,
    })
    node.taken()
    node.hear(ATTIC, { ...heartbeat({ sequence: 2, recordVersion: 2 }), change: change(1) })
    expect(node.member(ATTIC).record).toMatchObject({ running_tasks: 1, record_version: 2 })
    expect(node.sentTo(ATTIC)).toEqual([])
    node.hear(ATTIC, { ...heartbeat({ sequence: 4, recordVersion: 4 }), change: change(3) })
    expect(node.member(ATTIC).record).toMatchObject({ running_tasks: 1 })
    expect(node.sentTo(ATTIC)).toEqual([{ type: 'want', peers: [ATTIC] }])
  })

  test('a change that gives no record is refused and counted', () => {
    const node = new Driven()
    node.hear(ATTIC, heartbeat({ record: signed(ATTIC, 'attic') }))
    const { signature } = signed(ATTIC, 'attic')
    const change = { from: 1, set: {}, unset: ['capabilities'], signature }
    node.hear(ATTIC, { ...heartbeat({ sequence: 2, recordVersion: 2 }), change })
    expect(node.member(ATTIC).record?.record_version).toBe(1)
    expect(node.core.ignored.foreignRecord).toBe(1)
  })
})

describe('the roster', () => {
  test('who is taken out is gone with all that was under way; who comes in is unseen', () => {
    const node = wellConnected()
    node.silence(ATTIC)
    node.run(5000)
    expect(node.status(ATTIC)).toBe('suspect')
    node.taken()
    const garage = numbered(7)
    const roster = new Map([...ROSTER].filter(([peer]) => peer !== ATTIC)).set(garage, nodeId('garage'))
    node.step({ type: 'roster', roster })
    expect(node.changes()).toMatchObject([
      { peer: ATTIC, from: 'suspect', to: undefined, cause: 'roster' },
      { peer: garage, from: undefined, to: 'unseen', cause: 'roster' },
    ])
    node.run(60_000)
    expect(node.core.member(ATTIC)).toBeUndefined()
    expect(node.changes()).toEqual([])
  })

  test('a node whose own credential is taken back keeps its row until its driver ends it', () => {
    const node = wellConnected()
    node.step({ type: 'roster', roster: new Map([[ATTIC, nodeId('attic')]]) })
    node.run(5000)
    expect(node.core.members().map(({ nodeId }) => nodeId)).toEqual(['attic', 'self'])
  })

  test.each([
    [2, 1],
    [32, 31],
  ])('%i members: all others are neighbours', (members, neighbours) => {
    expect(neighboursOf(members)).toHaveLength(neighbours)
  })

  test.each([33, 100, 1000])('%i members: 10 to 16 neighbours while nobody was heard of', (members) => {
    expect(neighboursOf(members).length).toBeGreaterThanOrEqual(10)
    expect(neighboursOf(members).length).toBeLessThanOrEqual(16)
  })

  test('1000 members: with half of them there, at most 32 neighbours, and two of each ring are there', () => {
    const node = new Driven({ roster: rosterOf(1000) })
    for (let index = 1; index < 1000; index += 2) node.hear(numbered(index), heartbeat())
    const peers = node
      .taken()
      .flatMap((effect) => (effect.type === 'neighbours' ? [effect.peers] : []))
      .at(-1)
    expect(peers?.length).toBeLessThanOrEqual(32)
    expect(peers?.filter((peer) => node.status(peer) === 'alive').length).toBeGreaterThanOrEqual(10)
  })

  function neighboursOf(members: number): readonly string[] {
    const node = new Driven({ roster: rosterOf(members) })
    return node.taken().flatMap((effect) => (effect.type === 'neighbours' ? effect.peers : []))
  }
})

describe('time', () => {
  test('between two due times a tick does nothing', () => {
    const node = wellConnected()
    const { dueAt } = node.core
    expect(node.core.tick(bootMs(dueAt - 0.5))).toEqual([])
    expect(node.core.dueAt).toBe(dueAt)
  })

  test('a call that is a little late is a sign of bad health, and what was waited for is asked again', () => {
    const node = wellConnected()
    node.silence(ATTIC)
    while (node.sentTo(ATTIC).length === 0) node.run(10)
    node.beAway(node.core.dueAt - node.now + LAN.lateMs)
    node.step({ type: 'connection_opened', peer: STRANGER })
    expect(node.core.localHealth).toBe(1)
    expect(node.sentTo(ATTIC)).toMatchObject([{ type: 'ping' }])
    expect(node.status(ATTIC)).toBe('alive')
  })

  test('back from an absence, a ping that went with a connection that others had closed meanwhile is sent again', () => {
    const node = wellConnected()
    node.silence(ATTIC)
    node.beAway(20_000)
    node.run(0)
    expect(node.sentTo(ATTIC)).toMatchObject([{ type: 'ping' }, { type: 'sync' }])
    node.step({ type: 'connection_closed', peer: ATTIC, byPeer: true })
    expect(node.sentTo(ATTIC)).toMatchObject([{ type: 'ping' }])
  })

  test('whoever closes its connection has 300 ms to be there again, or its usual timeout on a slow path', () => {
    const suspectedAfterMs = (roundTripMs: number): number => {
      const node = wellConnected()
      node.silence(ATTIC)
      for (let probes = 0; probes < 5; probes += 1) {
        let number: number | undefined
        while (number === undefined) {
          node.run(10)
          number = node.sentTo(ATTIC).flatMap((sent) => (sent.type === 'ping' ? [sent.number] : []))[0]
        }
        node.run(roundTripMs)
        node.tell(ATTIC, { type: 'ack', number, incarnation: at(1) })
      }
      const closedAt = node.now
      node.step({ type: 'connection_closed', peer: ATTIC, byPeer: true })
      while (node.status(ATTIC) === 'alive') node.run(10)
      return node.now - closedAt
    }
    expect(suspectedAfterMs(2)).toBe(LAN.closedProbeMs)
    expect(suspectedAfterMs(300)).toBe(LAN.probeTimeoutMsMax)
  })

  test('after leave nothing is due and nothing is heard', () => {
    const node = wellConnected()
    node.step({ type: 'leave' })
    node.taken()
    expect(node.core.dueAt).toBe(Number.POSITIVE_INFINITY)
    node.hear(ATTIC, suspect(SELF))
    node.tell(ATTIC, { type: 'ping', number: 1, incarnation: at(1) })
    node.step({ type: 'leave' })
    expect(node.taken()).toEqual([])
    expect(node.status(SELF)).toBe('left')
  })
})
