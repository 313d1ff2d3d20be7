import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER_GRANTED } from '../../../simulations/checkers/lease-model.ts'
import { type HistoryOp, searchOrders } from '../../../simulations/checkers/linear-search.ts'
import type { LeaseCall, LeaseOutcome } from '../../../simulations/observation.ts'
import type { LeaseId, PeerId } from '../../../src/base/index.ts'
import { AtomicKey, hasOrder } from './atomic-key.ts'
import { ada, bob, cyd, judge, key, lease, Told, TTL_MS } from './told.ts'

const grant = (holder: PeerId): LeaseCall => ({ kind: 'grant', key: key(), holder, ttlMs: TTL_MS })
const renew = (id: number): LeaseCall => ({ kind: 'renew', key: key(), leaseId: lease(id) })
const release = (id: number): LeaseCall => ({ kind: 'release', key: key(), leaseId: lease(id) })
const revoke = (id: number, force = false): LeaseCall => ({
  kind: 'revoke',
  key: key(),
  leaseId: lease(id),
  force,
})
const VIEW: LeaseCall = { kind: 'view', key: key() }
const ok = (id?: number): LeaseOutcome => (id === undefined ? { ok: true } : { ok: true, leaseId: lease(id) })
const no = (code: string): LeaseOutcome => ({ ok: false, code })

/** What the suite says of linearizability alone. */
const verdict = (told: Told): string[] =>
  told.judged({ driftBounded: false }).filter((line) => line.startsWith('linearizability'))

describe('histories that have an order pass:', () => {
  test('operations one after the other', () => {
    const told = new Told()
      .grants(10, bob)
      .renews(10, bob)
      .releases(10, bob)
      .grants(20, cyd)
      .ended(20, 'expired')
    const view = told.asks(ada, VIEW)
    expect(verdict(told.answers(ada, view, ok()))).toEqual([])
  })

  test('a view during a grant, whichever it saw', () => {
    for (const seen of [ok(), ok(10)]) {
      const told = new Told()
      const [op, view] = [told.asks(bob, grant(bob)), told.asks(ada, VIEW)]
      told.granted(10, bob).answers(ada, view, seen).answers(bob, op, ok(10))
      expect(verdict(told)).toEqual([])
    }
  })

  test('a grant that was lost and took effect, or not', () => {
    for (const effect of [true, false]) {
      const told = new Told()
      told.loses(bob, told.asks(bob, grant(bob)))
      if (effect) told.granted(10, bob)
      const view = told.asks(ada, VIEW)
      expect(verdict(told.answers(ada, view, effect ? ok(10) : ok()))).toEqual([])
    }
  })

  test('a release that was lost takes effect much later', () => {
    const told = new Told().grants(10, bob)
    told.loses(bob, told.asks(bob, release(10)))
    for (let times = 0; times < 50; times++) told.answers(ada, told.asks(ada, VIEW), ok(10))
    told.answers(ada, told.asks(ada, VIEW), ok())
    expect(verdict(told)).toEqual([])
  })

  test('a lease taken back before its holder has begun, and one that cools after a revoke', () => {
    const told = new Told()
    const op = told.asks(ada, grant(bob))
    told.granted(10, bob).answers(ada, op, ok(10))
    told.answers(ada, told.asks(ada, release(10)), ok()).grants(20, bob)
    told.answers(cyd, told.asks(cyd, revoke(20)), ok())
    told.answers(bob, told.asks(bob, renew(20)), no('lease.revoked'))
    told.answers(cyd, told.asks(cyd, grant(cyd)), no('lease.cooling'))
    told.ended(20, 'expired').grants(30, cyd)
    told.answers(ada, told.asks(ada, revoke(30, true)), ok()).grants(40, bob)
    expect(verdict(told)).toEqual([])
  })

  test('an unknown refusal may have taken effect or not', () => {
    for (const seen of [ok(), ok(10)]) {
      const told = new Told().grants(10, bob)
      told.answers(bob, told.asks(bob, release(10)), no('peer.timeout'))
      expect(verdict(told.answers(ada, told.asks(ada, VIEW), seen))).toEqual([])
    }
  })

  test('keys have nothing to do with each other', () => {
    expect(verdict(new Told().grants(10, bob).grants(11, bob, key('j')).grants(12, bob, key('l')))).toEqual(
      [],
    )
  })
})

describe('histories without an order are found:', () => {
  test('two grants without an end between them', () => {
    const told = new Told().grants(10, bob).grants(20, cyd)
    expect(verdict(told)).toEqual([
      'linearizability: no order explains the history of k: 1 of 2 operations fit, and then not: at-cyd 2 at cyd: grant → lease 20',
    ])
  })

  test('a view of the past', () => {
    const told = new Told().grants(10, bob).releases(10, bob)
    expect(verdict(told.answers(ada, told.asks(ada, VIEW), ok(10)))).toHaveLength(1)
  })

  test('a view that misses an answered grant', () => {
    const told = new Told().grants(10, bob)
    expect(verdict(told.answers(ada, told.asks(ada, VIEW), ok()))).toHaveLength(1)
  })

  test('a grant that was executed twice, although nobody was hurt', () => {
    const told = new Told()
    const op = told.asks(bob, grant(bob))
    told.granted(10, bob).ended(10, 'expired').granted(20, bob).answers(bob, op, ok(20))
    expect(verdict(told)).toEqual([
      'linearizability: no order explains the history of k: 0 of 3 operations fit, and then not: grant of lease 10 to bob, of which no client was told',
    ])
  })

  test('a lease that came back after it was revoked by force', () => {
    const told = new Told().grants(10, bob)
    told.answers(ada, told.asks(ada, revoke(10, true)), ok())
    expect(verdict(told.renews(10, bob))).toHaveLength(1)
  })

  test('a renewal of a lease that cools', () => {
    const told = new Told().grants(10, bob)
    told.answers(ada, told.asks(ada, revoke(10)), ok())
    expect(verdict(told.renews(10, bob))).toHaveLength(1)
  })

  test('a release by somebody else, and a refusal that is not true', () => {
    const stolen = new Told().grants(10, bob)
    expect(verdict(stolen.answers(cyd, stolen.asks(cyd, release(10)), ok()))).toHaveLength(1)
    const lied = new Told().grants(10, bob)
    expect(verdict(lied.answers(bob, lied.asks(bob, renew(10)), no('lease.unknown')))).toHaveLength(1)
    const free = new Told()
    expect(verdict(free.answers(bob, free.asks(bob, grant(bob)), no('lease.held')))).toHaveLength(1)
  })

  test('an error in the thousandth operation, and only there', () => {
    const told = new Told()
    for (let id = 10; id < 2510; id += 10) told.grants(id, bob).renews(id, bob).releases(id, bob)
    expect(verdict(told)).toEqual([])
    expect(verdict(told.answers(ada, told.asks(ada, VIEW), ok(2500)))).toHaveLength(1)
  })
})

test('a search that is too long is undecided, which is no pass and no violation', () => {
  const op = (at: number, action: HistoryOp['action']): HistoryOp => ({
    label: '',
    invoked: at,
    answered: 100,
    action,
  })
  const call = (requester: PeerId, what: LeaseCall, outcome: LeaseOutcome) =>
    ({ kind: 'call', requester, call: what, outcome }) as const
  const ops = [
    op(1, call(bob, grant(bob), ok(10))),
    op(2, call(bob, release(10), ok())),
    op(3, call(bob, grant(bob), ok(20))),
  ]
  const grants = [10, 20].map((id) => ({ leaseId: id as LeaseId, untoldHolder: undefined }))
  const piece = { ops, grants, starts: [{ state: NEVER_GRANTED, used: new Set<HistoryOp>() }] }
  expect(searchOrders({ ...piece, statesMax: 100 }).verdict).toBe('linearizable')
  expect(searchOrders({ ...piece, statesMax: 1 }).verdict).toBe('undecided')
})

test('a key that is never at rest is given up as undecided', () => {
  const told = new Told()
  told.asks(cyd, grant(cyd))
  for (let times = 0; times < 4100; times++) told.answers(ada, told.asks(ada, VIEW), ok())
  const { violations, undecided } = judge(told.observations)
  expect(violations).toEqual([])
  expect(undecided).toHaveLength(1)
})

// ── against brute force ──

const PEERS = [ada, bob, cyd]
const CODES = ['lease.held', 'lease.cooling', 'lease.unknown', 'lease.not_holder', 'lease.revoked']

const anyCall = fc.oneof(
  fc.constantFrom(...PEERS).map(grant),
  fc.constantFrom(10, 20).map(renew),
  fc.constantFrom(10, 20).map(release),
  fc.tuple(fc.constantFrom(10, 20), fc.boolean()).map(([id, force]) => revoke(id, force)),
  fc.constant(VIEW),
)

const anyOutcome = (call: LeaseCall): fc.Arbitrary<LeaseOutcome | undefined> => {
  const refusals = fc.constantFrom(...CODES).map(no)
  const lost = fc.constant(undefined)
  if (call.kind === 'grant') return fc.oneof(fc.constantFrom(10, 20).map(ok), refusals, lost)
  if (call.kind === 'view') return fc.constantFrom(ok(), ok(10), ok(20))
  return fc.oneof(fc.constant(ok()), refusals, lost)
}

const anyAction: fc.Arbitrary<HistoryOp['action']> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ requester: fc.constantFrom(...PEERS), call: anyCall }).chain(withOutcome),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(10, 20).map((id) => ({ kind: 'expired', leaseId: lease(id) }) as const),
  },
)

function withOutcome(asked: { requester: PeerId; call: LeaseCall }): fc.Arbitrary<HistoryOp['action']> {
  return anyOutcome(asked.call).map((outcome) => ({ kind: 'call', ...asked, outcome }))
}

/** A few operations with any windows and any outcomes, most of them without an order. */
const anyHistory = fc
  .array(fc.record({ action: anyAction, from: fc.nat(12), length: fc.nat(6) }), { maxLength: 6 })
  .map((drawn) =>
    drawn.map(({ action, from, length }, at): HistoryOp => {
      const lost = action.kind === 'call' && action.outcome === undefined
      // Whole numbers for invocations, halves for answers: no two events at one instant.
      const invoked = from * 100 + at
      const answered = lost ? Number.POSITIVE_INFINITY : (from + length) * 100 + at + 0.5
      return { label: `${at}`, invoked, answered, action }
    }),
  )

/** The grants that were applied and told to nobody: some of the ids that no answer names. */
const anyUntold = fc.uniqueArray(fc.tuple(fc.constantFrom(10, 20, 30), fc.constantFrom(...PEERS)), {
  selector: ([id]) => id,
})

function sameVerdict(
  ops: readonly HistoryOp[],
  untoldDrawn: readonly (readonly [number, PeerId])[],
): boolean {
  const told = new Set(ops.flatMap(({ action }) => toldId(action)))
  const untold = new Map(untoldDrawn.filter(([id]) => !told.has(id)))
  const facts = [...untold.keys()].map((id): HistoryOp => {
    return {
      label: '',
      invoked: 2000 + id,
      answered: 2000 + id,
      action: { kind: 'granted', leaseId: lease(id) },
    }
  })
  const all = [...ops, ...facts].sort((a, b) => a.invoked - b.invoked)
  const grants = [...told, ...untold.keys()]
    .sort((a, b) => a - b)
    .map((id) => ({ leaseId: lease(id), untoldHolder: untold.get(id) }))
  const starts = [{ state: NEVER_GRANTED, used: new Set<HistoryOp>() }]
  const found = searchOrders({ ops: all, grants, starts, statesMax: 100_000 })
  expect(found.verdict).toBe(hasOrder(all, untold) ? 'linearizable' : 'violation')
  return found.verdict === 'linearizable'
}

function toldId(action: HistoryOp['action']): number[] {
  const isGrant = action.kind === 'call' && action.call.kind === 'grant' && action.outcome?.ok === true
  return isGrant && action.outcome.leaseId !== undefined ? [action.outcome.leaseId] : []
}

test('tiny histories: the search and brute force agree', () => {
  fc.assert(
    fc.property(anyHistory, anyUntold, (ops, untold) => void sameVerdict(ops, untold)),
    { numRuns: 3000 },
  )
})

// ── histories of a key that is atomic ──

type Step =
  | { readonly do: 'ask'; readonly client: number; readonly call: number; readonly force: boolean }
  | { readonly do: 'effect' | 'answer' | 'lose'; readonly client: number }
  | { readonly do: 'late'; readonly which: number }
  | { readonly do: 'expire' }

const client = fc.nat(3)
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('ask' as const), client, call: fc.nat(9), force: fc.boolean() }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('effect' as const, 'answer' as const), client }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), client }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('late' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.constant({ do: 'expire' as const }) },
)

interface Asked {
  readonly node: PeerId
  readonly op: number
  readonly call: LeaseCall
  outcome: LeaseOutcome | undefined
}

/** Clients of an atomic key, told as observations: every history that comes of it has an order. */
class AtomicRun {
  readonly told = new Told()
  private readonly state = new AtomicKey()
  private readonly clients = new Map<number, Asked>()
  private readonly late: Asked[] = []
  private id = 0

  take(step: Step): void {
    if (step.do === 'ask' && !this.clients.has(step.client)) this.ask(step.client, step.call, step.force)
    if (step.do === 'expire') this.expire()
    if (step.do === 'late') this.effect(this.late[step.which])
    if (step.do === 'effect') this.effect(this.clients.get(step.client))
    if (step.do === 'answer' || step.do === 'lose') this.settle(step.client, step.do)
  }

  private ask(client: number, kind: number, force: boolean): void {
    const node = PEERS[client % 3] ?? ada
    const holder = PEERS[kind % 3] ?? ada
    const id = this.state.owner?.id ?? 1
    const calls = [
      grant(holder),
      grant(node),
      grant(node),
      renew(id),
      renew(id),
      release(id),
      release(id),
      VIEW,
    ]
    const call = calls[kind] ?? revoke(id, force)
    this.clients.set(client, { node, op: this.told.asks(node, call), call, outcome: undefined })
  }

  private effect(asked: Asked | undefined): void {
    if (asked === undefined || asked.outcome !== undefined) return
    const id = this.id + 10
    asked.outcome = this.state.execute(asked.node, asked.call, id)
    if (asked.call.kind !== 'grant' || !asked.outcome.ok) return
    this.id = id
    this.told.granted(id, asked.call.holder)
  }

  private settle(client: number, how: 'answer' | 'lose'): void {
    const asked = this.clients.get(client)
    if (asked === undefined || (how === 'answer' && asked.outcome === undefined)) return
    this.clients.delete(client)
    if (how === 'answer' && asked.outcome !== undefined) {
      this.told.answers(asked.node, asked.op, asked.outcome)
      return
    }
    this.told.loses(asked.node, asked.op)
    this.late.push(asked)
  }

  private expire(): void {
    const id = this.state.owner?.id
    if (id === undefined || !this.state.expire(id)) return
    this.told.ended(id, 'expired')
    this.id++
  }
}

/** The first operations of such a run, as the search gets them. */
function tinyHistory(steps: readonly Step[]): { ops: HistoryOp[]; untold: [number, PeerId][] } {
  const { observations } = atomicRun(steps)
  const ops: HistoryOp[] = []
  const untold: [number, PeerId][] = []
  observations.forEach((one, place) => {
    if (one.type === 'lease-granted') untold.push([one.leaseId, one.holder])
    if (one.type === 'lease-ended')
      ops.push({
        label: '',
        invoked: place,
        answered: place,
        action: { kind: 'expired', leaseId: one.leaseId },
      })
    if (one.type !== 'op-invoked' || ops.length >= 6) return
    const answered = observations.findIndex((two) => two.type === 'op-answered' && two.op === one.op)
    const answer = observations[answered]
    const outcome = answer?.type === 'op-answered' ? answer.outcome : undefined
    const action = { kind: 'call', requester: one.node, call: one.call, outcome } as const
    ops.push({
      label: '',
      invoked: place,
      answered: answered < 0 ? Number.POSITIVE_INFINITY : answered,
      action,
    })
  })
  return { ops, untold }
}

function atomicRun(steps: readonly Step[]): Told {
  const run = new AtomicRun()
  for (const step of steps) run.take(step)
  return run.told
}

test('histories of an atomic key pass, whatever was lost or late', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 400, size: 'max' }), (steps) => {
      const { violations, undecided } = judge(atomicRun(steps).observations, { driftBounded: false })
      expect(violations.filter((line) => line.startsWith('linearizability'))).toEqual([])
      expect(undecided).toEqual([])
    }),
    { numRuns: 200 },
  )
})

test('tiny histories of an atomic key, one answer changed: the search and brute force agree', () => {
  const changed = fc.tuple(
    fc.nat(5),
    fc.oneof(fc.constantFrom(ok(), ok(10), ok(20)), fc.constantFrom(...CODES).map(no)),
  )
  let [found, tried] = [0, 0]
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 10, maxLength: 30 }), changed, (steps, [which, outcome]) => {
      const { ops, untold } = tinyHistory(steps)
      const victim = ops[which % ops.length]
      const other = victim?.action.kind === 'call' && Number.isFinite(victim.answered)
      const turned = ops.map((op) =>
        other && op === victim && op.action.kind === 'call'
          ? { ...op, action: { ...op.action, outcome } }
          : op,
      )
      tried++
      if (!sameVerdict(turned, untold)) found++
    }),
    { numRuns: 1000 },
  )
  // Neither nearly all nor nearly none: the property tries both answers.
  expect(found / tried).toBeGreaterThan(0.1)
  expect(found / tried).toBeLessThan(0.9)
})
