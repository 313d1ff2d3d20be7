import { describe, expect, test } from 'vitest'
import { type PeerId, present } from '../../src/base/index.ts'
import type { MembershipEffect, StreamMessage } from '../../src/membership/index.ts'
import { at, Driven, heartbeat, numbered, record, rosterOf, SELF, signed } from './support.ts'

const ASKER = numbered(1)

/** All others but those left out have been heard of, with a record each. */
function knowing(members: number, ...leftOut: number[]): Driven {
  const node = new Driven({ roster: rosterOf(members) })
  for (let index = 1; index < members; index += 1)
    if (!leftOut.includes(index))
      node.hear(numbered(index), heartbeat({ record: signed(numbered(index), `node-${index}`) }))
  node.taken()
  return node
}

type Kind<Type extends StreamMessage['type']> = Extract<StreamMessage, { type: Type }>
function sent<Type extends StreamMessage['type']>(
  effects: readonly MembershipEffect[],
  type: Type,
): Kind<Type>[] {
  return effects.flatMap((effect) => {
    if (effect.type !== 'send' || effect.message.type !== type) return []
    return [effect.message as Kind<Type>]
  })
}

/** Lets `node` exchange tables with another core of the same name that stands for ASKER, and counts the messages. */
function compare(node: Driven, other: Driven): StreamMessage[] {
  const all: StreamMessage[] = []
  let waiting: { to: Driven; message: StreamMessage }[] = [
    { to: other, message: { type: 'sync', hash: node.core.tableHash } },
  ]
  node.taken()
  other.taken()
  while (waiting.length > 0) {
    const { to, message } = present(waiting.shift(), 'a message')
    all.push(message)
    to.tell(ASKER, message)
    const back = to === node ? other : node
    const answers = to
      .taken()
      .flatMap((effect) =>
        effect.type === 'send' && effect.peer === ASKER && effect.message.type !== 'ping'
          ? [effect.message]
          : [],
      )
    waiting = [...waiting, ...answers.map((answer) => ({ to: back, message: answer }))]
  }
  return all
}

describe('anti-entropy', () => {
  test('equal tables: one hash, and silence', () => {
    const [one, other] = [knowing(100), knowing(100)]
    expect(compare(one, other).map(({ type }) => type)).toEqual(['sync'])
  })

  test('1000 members, one difference: some dozen rows, then the record', () => {
    const [one, other] = [knowing(1000, 500), knowing(1000)]
    const messages = compare(one, other)
    expect(messages.map(({ type }) => type)).toEqual(['sync', 'sync', 'rows', 'rows', 'want', 'records'])
    const rows = messages.flatMap((message) => (message.type === 'rows' ? message.rows : []))
    expect(rows.length).toBeLessThan(40)
    expect(one.member(numbered(500))).toMatchObject({ status: 'alive', record: { id: 'node-500' } })
    expect(one.core.tableHash).toBe(other.core.tableHash)
  })

  test('300 members, one side knows nobody: it gets all, in messages of at most 256 rows', () => {
    const [one, other] = [new Driven({ roster: rosterOf(300) }), knowing(300)]
    const messages = compare(one, other)
    for (const message of messages)
      if (message.type === 'rows') expect(message.rows.length).toBeLessThanOrEqual(256)
    expect(one.core.tableHash).toBe(other.core.tableHash)
    expect(one.core.members().filter(({ record }) => record !== undefined)).toHaveLength(299)
  })

  test('both sides know what the other does not: both get it', () => {
    const [one, other] = [knowing(50, 10, 11, 12), knowing(50, 20, 21)]
    compare(one, other)
    expect(one.core.tableHash).toBe(other.core.tableHash)
    expect(one.member(numbered(11)).status).toBe('alive')
  })

  test('records are sent in messages that fit', () => {
    const node = new Driven({ roster: rosterOf(300) })
    const big = 'x'.repeat(5000)
    const names: PeerId[] = []
    for (let index = 2; index < 258; index += 1) {
      const about = record(`node-${index}`, { record_version: 1, probe_failures: [big] })
      names.push(numbered(index))
      node.hear(
        numbered(index),
        heartbeat({ record: signed(numbered(index), `node-${index}`, { record: about }) }),
      )
    }
    node.taken()
    node.tell(ASKER, { type: 'want', peers: names })
    const messages = sent(node.taken(), 'records')
    expect(messages.length).toBe(3)
    expect(messages.flatMap(({ records }) => records)).toHaveLength(256)
  })

  test('of two that connect the one with the lower id begins', () => {
    const node = new Driven({ roster: rosterOf(3) })
    node.taken()
    const lower = numbered(1) < SELF ? 0 : 1
    node.step({ type: 'connection_opened', peer: numbered(1) })
    expect(sent(node.taken(), 'sync')).toHaveLength(lower)
  })

  test('who says that this node is dead is answered by a higher incarnation', () => {
    const node = knowing(5)
    const row = { peer: SELF, incarnation: at(1), status: 'dead', recordVersion: 0 } as const
    node.tell(ASKER, { type: 'rows', rows: [row], buckets: [], isAsking: false })
    expect(node.member(SELF).incarnation).toBe(at(1, 1))
  })
})
