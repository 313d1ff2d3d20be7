import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CodedError, type PeerId } from '../../src/base/index.ts'
import type { GossipMessage, MembershipInput, StreamMessage } from '../../src/membership/index.ts'
import { type Fact, overrules } from '../../src/membership/member.ts'
import { at, Driven, ROSTER, record, SELF, STRANGER, signed } from './support.ts'

const PEERS = [...ROSTER.keys()]
const OTHERS = PEERS.filter((peer) => peer !== SELF)

const incarnations = fc
  .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 }))
  .map(([life, refutations]) => at(life, refutations))
const statuses = fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const, 'left' as const)
const facts: fc.Arbitrary<Fact> = fc.record({ incarnation: incarnations, status: statuses })
const anyPeer = fc.constantFrom(...PEERS, STRANGER)
const others = fc.constantFrom(...OTHERS)

const greater = (one: Fact, other: Fact): Fact => (overrules(other, one) ? other : one)

describe('which of two facts holds', () => {
  test('merging is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(facts, facts, facts, (one, two, three) => {
        expect(greater(one, one)).toEqual(one)
        expect(greater(one, two)).toEqual(greater(two, one))
        expect(greater(greater(one, two), three)).toEqual(greater(one, greater(two, three)))
      }),
    )
  })

  test('the dead come back by a higher incarnation only', () => {
    fc.assert(
      fc.property(facts, facts, (known, said) => {
        fc.pre(known.status === 'dead' && said.status !== 'dead' && said.status !== 'left')
        expect(overrules(said, known)).toBe(said.incarnation > known.incarnation)
      }),
    )
  })
})

/** A row of each, as its own member said it or a witness did: facts that are believed at once. */
const rows = fc.array(fc.record({ of: others, incarnation: incarnations, status: statuses }), {
  maxLength: 20,
})

describe('tables', () => {
  test('nodes that are told the same by members themselves have the same hash, in whatever order and however often', () => {
    fc.assert(
      fc.property(rows, fc.infiniteStream(fc.nat()), (said, draws) => {
        const inOrder = new Driven()
        for (const row of said) tell(inOrder, row)
        const shuffled = [...said, ...said]
          .map((row) => ({ row, place: draws.next().value ?? 0 }))
          .sort((one, other) => one.place - other.place)
        const mixed = new Driven({ seed: 2 })
        for (const { row } of shuffled) tell(mixed, row)
        expect(mixed.core.tableHash).toBe(inOrder.core.tableHash)
      }),
    )

    function tell(node: Driven, { of, incarnation, status }: { of: PeerId } & Fact): void {
      if (status === 'left') node.hear(of, { type: 'leave', incarnation })
      else node.hear(of, { type: 'heartbeat', incarnation, sequence: 1, recordVersion: 0 })
    }
  })

  test('a hash that was kept up to date is that of a table that was told only the outcome', () => {
    fc.assert(
      fc.property(rows, (said) => {
        const node = new Driven()
        for (const { of, incarnation, status } of said)
          node.tell(OTHERS[0] ?? SELF, {
            type: 'rows',
            rows: [{ peer: of, incarnation, status, recordVersion: 0 }],
            buckets: [],
            isAsking: false,
          })
        const fresh = new Driven()
        const outcome = node.core
          .members()
          .filter(({ self, incarnation }) => !self && incarnation > 0)
          .map(({ peer, incarnation, status }) => ({ peer, incarnation, status, recordVersion: 0 }))
        fresh.tell(OTHERS[0] ?? SELF, {
          type: 'rows',
          rows: outcome.flatMap((row) => (row.status === 'unseen' ? [] : [{ ...row, status: row.status }])),
          buckets: [],
          isAsking: false,
        })
        expect(fresh.core.tableHash).toBe(node.core.tableHash)
      }),
    )
  })
})

const accused = fc.record({ peer: anyPeer, incarnation: incarnations })
const gossip: fc.Arbitrary<GossipMessage> = fc.oneof(
  fc.record({
    type: fc.constant('heartbeat' as const),
    incarnation: incarnations,
    sequence: fc.integer({ min: 1, max: 9 }),
    recordVersion: fc.nat(4),
  }),
  anyPeer.chain((author) =>
    fc.record({
      type: fc.constant('heartbeat' as const),
      incarnation: incarnations,
      sequence: fc.integer({ min: 1, max: 9 }),
      recordVersion: fc.nat(4),
      record: fc.constant(signed(author, ROSTER.get(author) ?? 'x')),
    }),
  ),
  fc.record({
    type: fc.constant('suspect' as const),
    members: fc.array(
      fc.record({
        peer: anyPeer,
        incarnation: incarnations,
        evidence: fc.constantFrom('silence' as const, 'closed' as const),
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ type: fc.constant('dead' as const), members: fc.array(accused, { maxLength: 5 }) }),
  fc.record({ type: fc.constant('leave' as const), incarnation: incarnations }),
)
const number = fc.nat(12)
const message: fc.Arbitrary<StreamMessage> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), number, incarnation: incarnations }),
  fc.record({ type: fc.constant('ping' as const), number, incarnation: incarnations, accused: incarnations }),
  fc.record({
    type: fc.constant('ping' as const),
    number,
    incarnation: incarnations,
    onBehalfOf: fc.record({ peer: anyPeer, number }),
  }),
  fc.record({ type: fc.constant('ack' as const), number, incarnation: incarnations }),
  fc.record({
    type: fc.constant('ack' as const),
    number,
    incarnation: incarnations,
    heardDirectly: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('ping_req' as const),
    number,
    target: anyPeer,
    patienceMs: fc.integer({ min: 1, max: 2000 }),
  }),
  fc.record({
    type: fc.constant('relayed' as const),
    number,
    incarnation: incarnations,
    heardDirectly: fc.boolean(),
  }),
  fc.record({ type: fc.constant('nack' as const), number }),
  fc.record({ type: fc.constant('sync' as const), hash: fc.string({ maxLength: 8 }) }),
  fc.record({
    type: fc.constant('sync' as const),
    hash: fc.constant(''),
    buckets: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
  }),
  fc.record({
    type: fc.constant('rows' as const),
    rows: fc.array(
      fc.record({ peer: anyPeer, incarnation: incarnations, status: statuses, recordVersion: fc.nat(5) }),
      { maxLength: 6 },
    ),
    buckets: fc.array(fc.nat(63), { maxLength: 64 }),
    isAsking: fc.boolean(),
  }),
  fc.record({ type: fc.constant('want' as const), peers: fc.array(anyPeer, { maxLength: 5 }) }),
  fc.record({
    type: fc.constant('records' as const),
    records: fc.array(
      anyPeer.map((author) => signed(author, ROSTER.get(author) ?? 'x')),
      { maxLength: 5 },
    ),
  }),
)
const inputs: fc.Arbitrary<MembershipInput> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('gossip' as const), from: anyPeer, message: gossip }),
  },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('message' as const), from: anyPeer, message }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('connection_opened' as const), peer: anyPeer }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('connection_closed' as const),
      peer: anyPeer,
      byPeer: fc.boolean(),
    }),
  },
  fc.constantFrom<MembershipInput>(
    { type: 'roster', roster: ROSTER },
    { type: 'roster', roster: new Map([...ROSTER].slice(0, 3)) },
    { type: 'record', record: record('self') },
  ),
)
const scripts = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: inputs },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 4000 }).map((ms) => ({ type: 'run', ms }) as const) },
    {
      weight: 1,
      arbitrary: fc.integer({ min: 0, max: 60_000 }).map((ms) => ({ type: 'away', ms }) as const),
    },
  ),
  { maxLength: 40 },
)

/** Whatever comes: hostile, repeated, out of order, while the process comes and goes. */
describe('any course of inputs', () => {
  const play = (
    script: typeof scripts extends fc.Arbitrary<infer Script> ? Script : never,
    node: Driven,
  ): void => {
    for (const event of script) {
      if (event.type === 'run') node.run(event.ms)
      else if (event.type === 'away') node.beAway(event.ms)
      else
        try {
          node.step(event)
        } catch (thrown) {
          if (!(thrown instanceof CodedError)) throw thrown
        }
    }
  }

  test('breaks no invariant; time goes on; no member goes back to a lower incarnation or from dead to alive without a higher one', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        const node = new Driven()
        node.taken()
        play(script, node)
        const known = new Map<PeerId, { incarnation: number; status: string | undefined }>()
        for (const change of node.changes()) {
          const before = known.get(change.peer)
          known.set(change.peer, { incarnation: change.incarnation, status: change.to })
          if (before === undefined || before.status === undefined || change.from === undefined) continue
          expect(change.incarnation).toBeGreaterThanOrEqual(before.incarnation)
          const isBack = before.status === 'dead' && (change.to === 'alive' || change.to === 'suspect')
          if (isBack) expect(change.incarnation).toBeGreaterThan(before.incarnation)
        }
        node.run(60_000)
        expect(node.core.dueAt).toBeGreaterThanOrEqual(node.now)
      }),
      { numRuns: 300 },
    )
  })

  test('is the same with the same seed', () => {
    fc.assert(
      fc.property(scripts, (script) => {
        const [one, other] = [new Driven(), new Driven()]
        play(script, one)
        play(script, other)
        expect(one.taken()).toEqual(other.taken())
      }),
      { numRuns: 50 },
    )
  })

  test('a member that answers every probe is not declared dead by this node, whatever else is said', () => {
    const [attic = SELF, ...accusers] = OTHERS
    const said = fc.array(
      fc.record({
        by: fc.constantFrom(...accusers),
        what: fc.constantFrom('suspect' as const, 'dead' as const, 'row' as const),
        afterMs: fc.integer({ min: 0, max: 2500 }),
      }),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(said, (script) => {
        const node = new Driven()
        node.connectWell(...OTHERS)
        for (const { by, what, afterMs } of script) {
          node.run(afterMs)
          node.tell(attic, { type: 'nack', number: 0 })
          const { incarnation } = node.member(attic)
          const accusedOf = { peer: attic, incarnation }
          if (what === 'row')
            node.tell(by, {
              type: 'rows',
              rows: [{ ...accusedOf, status: 'dead', recordVersion: 0 }],
              buckets: [],
              isAsking: false,
            })
          else if (what === 'dead') node.hear(by, { type: 'dead', members: [accusedOf] })
          else node.hear(by, { type: 'suspect', members: [{ ...accusedOf, evidence: 'closed' }] })
          expect(node.status(attic)).toBe('alive')
        }
        node.run(30_000)
        expect(node.changes().filter(({ peer, to }) => peer === attic && to === 'dead')).toEqual([])
      }),
      { numRuns: 50 },
    )
  })
})
