import { describe, expect, test } from 'vitest'
import { ada, bob, cyd, entry, hard, key, lease, Told, TTL_MS, task, threeVoters, voters } from './told.ts'

/** ρ is 1 %: a holder counts 990 ms of its own clock. */
const SPAN_MS = TTL_MS * 0.99

test('a lease that is granted, renewed, lost by expiry and granted to another passes', () => {
  const told = new Told()
    .grants(10, bob)
    .runs(bob, 'x1', 10)
    .after(300)
    .renews(10, bob)
    .after(900)
    .stops(bob, 'x1')
    .after(200)
    .ended(10, 'expired')
    .grants(20, cyd)
    .runs(cyd, 'x2', 20)
    .stops(cyd, 'x2')
    .releases(20, cyd)
  expect(told.judged()).toEqual([])
})

describe('single owner finds', () => {
  test('two executions of one key', () => {
    const told = new Told().grants(10, bob).runs(bob, 'x1', 10).after(2000).ended(10, 'expired')
    expect(told.grants(20, cyd).runs(cyd, 'x2', 20).judged()).toEqual([
      'single-owner: x1 for k still runs when lease 10 has expired',
      'single-owner: starts x2 for k under lease 20 while x1 runs on bob under lease 10',
    ])
  })

  test('two executions on one node under one lease', () => {
    const told = new Told().grants(10, bob).runs(bob, 'x1', 10).runs(bob, 'x2', 10)
    expect(told.judged()).toEqual([
      'single-owner: starts x2 for k under lease 10 while x1 runs on bob under lease 10',
    ])
  })

  test('an execution under a lease of somebody else, of another key, or that has ended', () => {
    const told = new Told().grants(10, bob).runs(cyd, 'x1', 10)
    expect(told.judged()).toEqual(['single-owner: starts x1 for k under lease 10, which it does not hold'])
    const other = new Told().grants(10, bob).runs(bob, 'x1', 10, key('j'))
    expect(other.judged()).toEqual(['single-owner: starts x1 for j under lease 10, which it does not hold'])
    const late = new Told().grants(10, bob).releases(10, bob).runs(bob, 'x1', 10)
    expect(late.judged()).toEqual(['single-owner: starts x1 for k under lease 10, which it does not hold'])
  })

  test('nothing in two keys at once, in the second application of an end, and after a revoke by force', () => {
    const told = new Told()
      .grants(10, bob)
      .grants(11, cyd, key('j'))
      .runs(bob, 'x1', 10)
      .runs(cyd, 'x2', 11, key('j'))
      .stops(cyd, 'x2')
      .releases(11, cyd, key('j'))
    expect(told.judged()).toEqual([])
    const forced = new Told().grants(10, bob).runs(bob, 'x1', 10)
    const op = forced.asks(cyd, { kind: 'revoke', key: key(), leaseId: lease(10), force: true })
    forced.ended(10, 'forced').answers(cyd, op, { ok: true }).grants(20, cyd).runs(cyd, 'x2', 20)
    expect(forced.judged()).toEqual([])
  })

  test('nothing when clocks keep no bound: then only fencing protects', () => {
    const told = new Told().grants(10, bob).runs(bob, 'x1', 10).after(2000).ended(10, 'expired')
    expect(told.judged({ driftBounded: false })).toEqual([])
  })
})

describe('fencing finds', () => {
  test('a token that does not rise', () => {
    const told = new Told().grants(10, bob).releases(10, bob)
    const again = {
      ...told.observations[1],
      index: 999,
      leaseId: lease(10),
    } as (typeof told.observations)[number]
    expect(told.tell(again).judged({ historiesComplete: false })).toEqual([
      'fencing: grants k under token 10 after token 10',
    ])
  })

  test('a token that another key had', () => {
    const told = new Told().grants(10, bob)
    const again = { ...told.observations[1], index: 999, key: key('j') } as (typeof told.observations)[number]
    expect(told.tell(again).judged({ historiesComplete: false })).toEqual([
      'fencing: grants j under token 10, which is not new (10 was there)',
    ])
  })

  test('a token that two clients were given', () => {
    const told = new Told().grants(10, bob)
    const op = told.asks(cyd, { kind: 'grant', key: key(), holder: cyd, ttlMs: TTL_MS })
    told.answers(cyd, op, { ok: true, leaseId: lease(10) })
    expect(told.judged({ historiesComplete: false })).toEqual(['fencing: token 10 of k was given out twice'])
  })

  test('a renewal under an old token, in the log and at the client', () => {
    const told = new Told().grants(10, bob).after(2000).ended(10, 'expired').grants(20, cyd).renews(10, bob)
    expect(told.judged({ historiesComplete: false, driftBounded: false })).toEqual([
      'fencing: renews k under token 10; the newest is 20',
      'fencing: k was renewed under token 10 when 20 was the newest',
    ])
  })

  test('a renewal of a lease that has ended', () => {
    const told = new Told().grants(10, bob).releases(10, bob).renewed(10)
    expect(told.judged()).toEqual(['fencing: renews lease 10 of k, which has ended'])
  })

  const result = (id: number, accepted: boolean, known = 0) =>
    ({
      type: 'result-judged',
      node: ada,
      key: key(),
      leaseId: lease(id),
      accepted,
      known: lease(known),
    }) as const

  test('a result that is accepted under an old token', () => {
    const told = new Told()
      .grants(10, bob)
      .releases(10, bob)
      .grants(20, cyd)
      .runs(cyd, 'x', 20)
      .tell(result(10, true))
    expect(told.judged({ driftBounded: false })).toEqual([
      'fencing: accepts a result of k under token 10; the newest is 20',
    ])
  })

  test('a result that is accepted under an older token than the task was told of', () => {
    const told = new Told()
      .grants(10, bob)
      .releases(10, bob)
      .grants(20, cyd)
      .tell(result(10, true, 20))
    expect(told.judged({ driftBounded: false })).toEqual([
      'fencing: accepts a result of k under token 10; the newest is 20',
    ])
  })

  test('nothing in a stale result that is refused, and in one that comes before anybody knows of the newer token', () => {
    const told = new Told().grants(10, bob).releases(10, bob).granted(20, ada).tell(result(10, true))
    const late = new Told().grants(10, bob).releases(10, bob).grants(20, cyd).tell(result(10, false))
    expect(told.judged({ historiesComplete: false })).toEqual([])
    expect(late.judged()).toEqual([])
  })
})

describe('no early expiry finds', () => {
  test.each([
    ['a lease that is expired a millisecond too early', 1, SPAN_MS - 1, 1],
    ['nothing in one that is expired in time', 1, SPAN_MS, 0],
    ['a lease that is expired too early for a slow clock', 0.9, SPAN_MS, 1],
    ['nothing in one that is expired early for a fast clock', 1.25, SPAN_MS / 1.25, 0],
  ])('%s', (_, rate, passedMs, count) => {
    const told = new Told().tell({ type: 'clock-rate', node: bob, rate }).grants(10, bob)
    told.at(2 + passedMs).ended(10, 'expired')
    expect(told.judged()).toHaveLength(count)
  })

  test('a change of the rate in the middle is counted', () => {
    const run = (rate: number) => {
      const told = new Told().at(0).granted(10, bob).at(500).tell({ type: 'clock-rate', node: bob, rate })
      return told.at(990).ended(10, 'expired').judged({ historiesComplete: false })
    }
    expect(run(1)).toEqual([])
    expect(run(0.99)).toEqual([
      'no-early-expiry: lease 10 expired 985.100 ms (clock of bob) after it was granted or renewed; its span is 990.000 ms',
    ])
  })

  test('a renewal that was applied and forgotten', () => {
    const told = new Told().at(0).grants(10, bob).at(900).renews(10, bob).at(1050).ended(10, 'expired')
    expect(told.judged()).toEqual([
      'no-early-expiry: lease 10 expired 149.000 ms (clock of bob) after it was granted or renewed; its span is 990.000 ms',
    ])
  })

  test('a renewal that was answered and never applied, also when the answer comes after the expiry', () => {
    const told = new Told().at(0).grants(10, bob).at(900)
    const op = told.asks(bob, { kind: 'renew', key: key(), leaseId: lease(10) })
    told
      .at(1100)
      .ended(10, 'expired')
      .answers(bob, op, { ok: true, leaseId: lease(10) })
    expect(told.judged({ historiesComplete: false })).toEqual([
      'no-early-expiry: lease 10 expired 200.000 ms (clock of bob) after its holder sent a request that succeeded; its span is 990.000 ms',
    ])
  })

  test('nothing in a lease that is released, or whose renewal was lost', () => {
    const told = new Told().at(0).grants(10, bob).at(10).releases(10, bob).grants(30, bob).at(900)
    const op = told.asks(bob, { kind: 'renew', key: key(), leaseId: lease(30) })
    told.loses(bob, op).at(1100).ended(30, 'expired')
    expect(told.judged()).toEqual([])
  })
})

test('exactly one final result per task: a second one is found, a different task is none', () => {
  const finish = (id: number, result: string) =>
    ({ type: 'task-finished', node: ada, task: task(id), result }) as const
  expect(new Told().tell(finish(1, 'a'), finish(2, 'b')).judged()).toEqual([])
  expect(new Told().tell(finish(1, 'a'), finish(1, 'a')).judged()).toEqual([
    'one-final-result: task 1 gets the final result a and had a on ada',
  ])
})

describe('liveness', () => {
  const phase = (name: 'heal' | 'end') => ({ type: 'phase', phase: name }) as const
  const healed = () => threeVoters().tell(phase('heal'))

  test('a grant within the bound after the heal, and nothing left, passes', () => {
    expect(healed().grants(10, bob).releases(10, bob).tell(phase('end')).judged()).toEqual([])
  })

  test('no grant after the heal is found', () => {
    const told = threeVoters().grants(10, bob).releases(10, bob).tell(phase('heal'), phase('end'))
    expect(told.judged()).toEqual(['liveness: no grant succeeded within 5000 ms of the heal'])
  })

  test('a grant that succeeds too late is found', () => {
    const told = healed().after(5000).grants(10, bob).releases(10, bob).tell(phase('end'))
    expect(told.judged()).toEqual(['liveness: no grant succeeded within 5000 ms of the heal'])
  })

  test('whatever is left is found: an operation, an execution, a lease, a task, an entry that was not applied', () => {
    const told = healed()
      .grants(10, bob)
      .runs(bob, 'x1', 10)
      .tell({ type: 'task-accepted', node: ada, task: task(7) })
      .elects(ada, 2, [ada, bob])
      .writes(ada, [entry(2, 2)])
      .writes(bob, [entry(2, 2)], hard(2, ada))
      .commits(ada, 2)
      .applies(ada, entry(2, 2))
      .applies(bob, entry(2, 2))
    told.asks(cyd, { kind: 'view', key: key() })
    expect(told.tell(phase('end')).judged()).toEqual([
      'liveness: operation at-cyd 2 (view k) was never answered',
      'liveness: x1 for k still runs',
      'liveness: lease 10 of k is still held',
      'liveness: task 7 has no final result',
      'liveness: has applied 1 of 2 committed entries',
    ])
  })

  test('a node that is dead at the end is not waited for', () => {
    const told = healed()
      .crashes(cyd)
      .elects(ada, 2, [ada, bob])
      .writes(ada, [entry(2, 2)])
      .writes(bob, [entry(2, 2)], hard(2, ada))
      .commits(ada, 2)
      .applies(ada, entry(2, 2))
      .applies(bob, entry(2, 2))
      .grants(10, bob)
      .releases(10, bob)
    expect(told.tell(phase('end')).judged()).toEqual([])
  })
})

test('the voters of a snapshot count like those of a log', () => {
  const base = { index: entry(5, 2).index, term: entry(5, 2).term, configuration: voters([ada, bob, cyd]) }
  const told = new Told()
  for (const node of [ada, bob, cyd])
    told.begins(node, { from: base, state: hard(2, undefined, 5), applied: 5 })
  told
    .elects(ada, 3, [ada, bob])
    .writes(ada, [entry(6, 3)])
    .commits(ada, 6)
  expect(told.judged()).toEqual(['acknowledged-durable: takes entry 6 for committed; durable on ada only'])
})
