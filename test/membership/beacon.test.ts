import { describe, expect, test } from 'vitest'
import { CodedError, nodeId } from '../../src/base/index.ts'
import type { GossipMessage } from '../../src/membership/index.ts'
import { heartbeatIntervalMs } from '../../src/membership/options.ts'
import { ATTIC, at, DESK, Driven, LAN, record, rosterOf, SELF, suspect } from './support.ts'

const INTERVAL_MS = LAN.heartbeatIntervalMsMin

type Beat = GossipMessage & { type: 'heartbeat' }
const beats = (node: Driven): Beat[] =>
  node.published().flatMap((message) => (message.type === 'heartbeat' ? [message] : []))

/** Past its introduction, with a published record. */
function introduced(): Driven {
  const node = new Driven()
  node.step({ type: 'record', record: record('self') })
  node.run(20 * INTERVAL_MS)
  node.taken()
  return node
}

describe('own heartbeats', () => {
  test('the first call beats at once, then once per interval with rising sequence', () => {
    const node = introduced()
    node.run(3 * INTERVAL_MS)
    const sequences = beats(node).map(({ sequence }) => sequence)
    expect(sequences).toHaveLength(3)
    expect(sequences[2]).toBe((sequences[0] ?? 0) + 2)
    expect(beats(new Driven())).toMatchObject([{ sequence: 1, incarnation: at(1) }])
  })

  test.each([
    [1, 5000],
    [10, 5000],
    [100, 50_000],
    [1000, 500_000],
  ])('with %i members the interval is %i ms', (members, intervalMs) => {
    expect(heartbeatIntervalMs(LAN, members)).toBe(intervalMs)
  })

  test('a changed record is published at once, as its change', () => {
    const node = introduced()
    node.step({ type: 'record', record: record('self', { running_tasks: 1, version: '2' }) })
    const [beat] = beats(node)
    expect(beat).toMatchObject({ recordVersion: 2, change: { from: 1, unset: [] } })
    expect(beat?.change?.set).toEqual({ running_tasks: 1, version: '2', record_version: 2 })
    expect(node.member(SELF).record).toMatchObject({ running_tasks: 1 })
  })

  test('a change goes out once; then beats say only the version', () => {
    const node = introduced()
    node.step({ type: 'record', record: record('self', { running_tasks: 1 }) })
    node.taken()
    node.run(2 * INTERVAL_MS)
    for (const beat of beats(node)) {
      expect(beat.recordVersion).toBe(2)
      expect(beat).not.toHaveProperty('change')
      expect(beat).not.toHaveProperty('record')
    }
  })

  test('however often the record changes, beats come at most four times as often as the regular ones, and the last state gets out', () => {
    const node = introduced()
    for (let change = 0; change < 1000; change += 1) {
      node.step({ type: 'record', record: record('self', { running_tasks: change }) })
      node.run(100)
    }
    const published = beats(node)
    expect(published.length).toBeLessThanOrEqual(4 * (100_000 / INTERVAL_MS) + 4)
    node.run(INTERVAL_MS)
    const changes = [...published, ...beats(node)].flatMap(({ change }) => change ?? [])
    expect(changes.at(-1)?.set).toMatchObject({ running_tasks: 999 })
  })

  test('whoever comes into a mesh introduces itself with its whole record three times', () => {
    const node = introduced()
    node.step({ type: 'connection_opened', peer: ATTIC })
    node.run(INTERVAL_MS)
    expect(beats(node).filter((beat) => beat.record !== undefined)).toHaveLength(3)
  })

  test('an own record above the limit is refused and the old one stays', () => {
    const node = introduced()
    const large = record('self', { probe_failures: ['x'.repeat(7000)] })
    expect(() => node.step({ type: 'record', record: large })).toThrow(CodedError)
    expect(node.member(SELF).record).toMatchObject({ version: '0.1.0' })
  })

  test('a promised beat is not put off when the mesh grows', () => {
    const node = introduced()
    const roster = new Map(rosterOf(30)).set(ATTIC, nodeId('attic'))
    node.step({ type: 'roster', roster })
    node.run(INTERVAL_MS)
    expect(beats(node)).toHaveLength(1)
  })
})

describe('refutation', () => {
  test('each accusation of the present incarnation is refuted once, at once, with the next one', () => {
    const node = introduced()
    node.hear(ATTIC, suspect(SELF, at(1)))
    node.hear(DESK, suspect(SELF, at(1)))
    expect(beats(node)).toMatchObject([{ incarnation: at(1, 1) }])
    expect(node.core.localHealth).toBe(1)
    node.hear(ATTIC, suspect(SELF, at(1)))
    expect(beats(node)).toEqual([])
  })

  test('the heartbeat of a second refutation waits for the pause between two messages, and for no bound on changes', () => {
    const node = introduced()
    for (let round = 0; round < 6; round += 1) {
      node.hear(ATTIC, suspect(SELF, node.member(SELF).incarnation))
      node.run(LAN.accusationBatchMs)
    }
    expect(beats(node).map(({ incarnation }) => incarnation)).toEqual(
      [1, 2, 3, 4, 5, 6].map((refutations) => at(1, refutations)),
    )
  })

  test('who is known under an incarnation that it never had takes a later life, said first, and signs its record anew', () => {
    const node = introduced()
    node.hear(ATTIC, suspect(SELF, at(3, 7)))
    node.run(LAN.accusationBatchMs)
    const [first, ...others] = node.taken()
    expect(first).toEqual({ type: 'life', life: 4 })
    expect(others).toMatchObject([
      {
        type: 'publish',
        message: { incarnation: at(4), sequence: 1, record: { life: 4, version: 1 } },
      },
    ])
  })
})
