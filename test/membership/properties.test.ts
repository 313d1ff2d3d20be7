import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/base/index.ts'
import type { GossipMessage, MemberView } from '../../src/membership/index.ts'
import { ATTIC, DESK, Driven, heartbeat, INTERVAL_MS, LAN, leave, record } from './support.ts'

interface Delivery {
  readonly from: PeerId
  readonly message: GossipMessage
}

/**
 * What one honest peer can have said: a sequence number is used once per incarnation, the record version rises with the
 * sequence, and some of its lives end with a leave.
 */
const sayings = (from: PeerId, id: string): fc.Arbitrary<Delivery[]> =>
  fc
    .array(fc.record({ recordChanges: fc.array(fc.boolean(), { maxLength: 4 }), leaves: fc.boolean() }), {
      maxLength: 3,
    })
    .map((lives) =>
      lives.flatMap(({ recordChanges, leaves }, index) => {
        const life = index + 1
        let version = 0
        const beats = recordChanges.map((changes, beat) => {
          if (changes) version += 1
          const fields = { incarnation: life, sequence: beat + 1 }
          return changes
            ? heartbeat({ ...fields, record: record(id, { record_version: version }) })
            : heartbeat(fields)
        })
        return [...beats, ...(leaves ? [leave(life)] : [])].map((message) => ({ from, message }))
      }),
    )

const said = fc.tuple(sayings(ATTIC, 'attic'), sayings(DESK, 'desk')).map((both) => both.flat())

/** Two deliveries of the same messages: any order, any repetition, ticks between them. */
const twice = said.chain((messages) => {
  const order = fc
    .tuple(
      fc.shuffledSubarray(messages, { minLength: messages.length }),
      fc.array(fc.constantFrom(...messages, undefined), { maxLength: 20 }),
    )
    .chain(([all, more]) => {
      const deliveries = [...all, ...more]
      return fc.shuffledSubarray(deliveries, { minLength: deliveries.length })
    })
  return fc.tuple(order, order)
})

/** Everything but when it was heard. */
function table(node: Driven): unknown {
  return node.core
    .members()
    .map(({ peer, status, incarnation, record }: MemberView) => ({ peer, status, incarnation, record }))
}

function deliver(node: Driven, deliveries: readonly (Delivery | undefined)[]): void {
  // All within less than the time after which somebody is suspected.
  const pauseMs = (LAN.suspectAfterBeats * INTERVAL_MS - 1) / (deliveries.length + 1)
  for (const delivery of deliveries) {
    if (delivery !== undefined) node.hear(delivery.from, delivery.message)
    node.run(pauseMs)
  }
}

describe('properties', () => {
  test('any order and repetition of the same messages, with ticks between them, ends in the same table', () => {
    fc.assert(
      fc.property(twice, ([first, second]) => {
        const [one, other] = [new Driven(), new Driven()]
        deliver(one, first)
        deliver(other, second)
        expect(table(one)).toEqual(table(other))
        for (const node of [one, other]) node.run(3 * LAN.deadAfterBeats * INTERVAL_MS)
        expect(table(one)).toEqual(table(other))
      }),
    )
  })

  test('a message that was heard before changes nothing later, in whatever state the member is', () => {
    const events = fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fc.nat(50).map((index) => ({ type: 'hear', index }) as const) },
        fc.constantFrom({ type: 'opened' } as const, { type: 'closed' } as const),
        {
          weight: 2,
          arbitrary: fc.integer({ min: 1, max: 6000 }).map((ms) => ({ type: 'run', ms }) as const),
        },
      ),
      { maxLength: 25 },
    )
    fc.assert(
      fc.property(sayings(ATTIC, 'attic'), events, (messages, script) => {
        const node = new Driven()
        const heard: Delivery[] = []
        for (const event of script) {
          if (event.type === 'run') node.run(event.ms)
          else if (event.type === 'hear') {
            const delivery = messages[event.index % Math.max(1, messages.length)]
            if (delivery === undefined) continue
            heard.push(delivery)
            node.hear(delivery.from, delivery.message)
          } else node.step({ type: `connection_${event.type}`, peer: ATTIC })
          const before = node.member(ATTIC)
          for (const old of heard) node.hear(old.from, old.message)
          expect(node.member(ATTIC)).toEqual(before)
        }
      }),
    )
  })

  test('a member whose heartbeats arrive within their interval is never dead, whatever connections do', () => {
    const beats = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: INTERVAL_MS }),
        hint: fc.constantFrom('connection_opened', 'connection_closed', undefined),
        awayMs: fc.constantFrom(0, 0, 0, 5000, 3_600_000),
      }),
      { maxLength: 60 },
    )
    fc.assert(
      fc.property(beats, (schedule) => {
        const node = new Driven()
        schedule.forEach(({ afterMs, hint, awayMs }, index) => {
          node.run(afterMs)
          if (awayMs > 0) node.beAway(awayMs)
          if (hint !== undefined) node.step({ type: hint, peer: ATTIC })
          node.hear(ATTIC, heartbeat({ sequence: index + 1 }))
          expect(node.member(ATTIC).status).toBe('alive')
        })
        expect(node.changes().filter((change) => change.to === 'dead')).toEqual([])
      }),
    )
  })
})
