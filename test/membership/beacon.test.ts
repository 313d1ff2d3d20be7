import { describe, expect, test } from 'vitest'
import { CodedError, type NodeId, nodeId, type PeerId } from '../../src/base/index.ts'
import type { GossipMessage } from '../../src/membership/index.ts'
import { heartbeatIntervalMs } from '../../src/membership/options.ts'
import { ATTIC, Driven, heartbeat, INTERVAL_MS, LAN, peer, record, SELF } from './support.ts'

const hasRecord = (message: GossipMessage): boolean =>
  message.type === 'heartbeat' && message.record !== undefined

describe('own heartbeats', () => {
  test('the first call beats at once, then once per interval with rising sequence', () => {
    const node = new Driven()
    node.run(3 * INTERVAL_MS)
    expect(node.published()).toMatchObject(
      [1, 2, 3, 4].map((sequence) => ({ type: 'heartbeat', incarnation: 1, sequence })),
    )
  })

  test.each([
    [1, 1000],
    [6, 1000],
    [20, 3200],
    [200, 32_000],
  ])(
    'with %i members the announced interval is %i ms: the cost per node stays flat',
    (members, intervalMs) => {
      expect(heartbeatIntervalMs(LAN, members)).toBe(intervalMs)
      const letters = Array.from({ length: members - 1 }, (_, index) => index)
      const roster = new Map([[SELF, nodeId('self')]])
      for (const index of letters) roster.set(numbered(index), nodeId(`node-${index}`))
      const node = new Driven(roster)
      expect(node.published()).toMatchObject([{ intervalMs }])
      node.run(intervalMs - 1)
      expect(node.published()).toEqual([])
      node.run(1)
      expect(node.published()).toHaveLength(1)
    },
  )

  test('a promised beat is not put off when the mesh grows', () => {
    const node = new Driven()
    node.taken()
    node.step({ type: 'roster', roster: rosterOf(101) })
    node.run(INTERVAL_MS)
    expect(node.published()).toMatchObject([{ intervalMs: 101 * LAN.heartbeatPerMemberMs }])
  })

  test('a changed record is published promptly, with a version that rises', () => {
    const node = new Driven()
    node.run(INTERVAL_MS / 2)
    node.taken()
    node.step({ type: 'record', record: record('self', { running_tasks: 1 }) })
    expect(node.published()).toMatchObject([
      { recordVersion: 1, record: { running_tasks: 1, record_version: 1 } },
    ])
    node.run(INTERVAL_MS / 2)
    node.step({ type: 'record', record: record('self', { running_tasks: 2 }) })
    expect(node.published()).toMatchObject([
      { recordVersion: 2, record: { running_tasks: 2, record_version: 2 } },
    ])
    expect(node.member(SELF).record).toMatchObject({ running_tasks: 2 })
  })

  test('however often the record changes, beats keep a quarter of the interval apart', () => {
    const node = new Driven()
    node.taken()
    for (let change = 0; change < 100; change += 1) {
      node.step({ type: 'record', record: record('self', { running_tasks: change }) })
      node.run(10)
    }
    expect(node.published()).toHaveLength(4)
  })

  test('the record rides on three beats after a change and then on every tenth', () => {
    const node = new Driven()
    node.step({ type: 'record', record: record('self') })
    node.run(20 * INTERVAL_MS)
    const carriers = node
      .published()
      .flatMap((message) => (hasRecord(message) && 'sequence' in message ? [message.sequence] : []))
    expect(carriers).toEqual([2, 3, 4, 10, 20])
  })

  test.each(['a member of a new life speaks', 'a connection opens'])(
    'when %s, this node introduces itself again',
    (event) => {
      const node = new Driven()
      node.step({ type: 'record', record: record('self') })
      node.run(5 * INTERVAL_MS)
      node.taken()
      if (event === 'a connection opens') node.step({ type: 'connection_opened', peer: ATTIC })
      else node.hear(ATTIC, heartbeat())
      node.run(INTERVAL_MS / 4)
      expect(node.published().filter(hasRecord)).toHaveLength(1)
    },
  )

  test('leave is said once, and nothing after it', () => {
    const node = new Driven()
    node.taken()
    node.step({ type: 'leave' })
    node.step({ type: 'leave' })
    node.step({ type: 'record', record: record('self') })
    node.run(5 * INTERVAL_MS)
    expect(node.taken()).toEqual([{ type: 'publish', message: { type: 'leave', incarnation: 1 } }])
    expect(node.member(SELF).status).toBe('left')
  })

  test('an own record above the limit is refused and the old one stays', () => {
    const node = new Driven()
    node.step({ type: 'record', record: record('self', { version: '1' }) })
    const large = record('self', { probe_failures: ['x'.repeat(7000)] })
    expect(() => node.step({ type: 'record', record: large })).toThrow(CodedError)
    expect(node.member(SELF).record).toMatchObject({ version: '1', record_version: 1 })
  })
})

/** Distinct peer ids in letters that base58 has. */
function numbered(index: number): PeerId {
  return peer(`n${[...String(index)].map((digit) => 'abcdefghjk'[Number(digit)]).join('')}`)
}

function rosterOf(members: number): ReadonlyMap<PeerId, NodeId> {
  const roster = new Map([[SELF, nodeId('self')]])
  for (let index = 1; index < members; index += 1) roster.set(numbered(index), nodeId(`node-${index}`))
  return roster
}
