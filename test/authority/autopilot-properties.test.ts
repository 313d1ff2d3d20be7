import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AutopilotOptions,
  type CandidateView,
  PeerHealth,
  planVoters,
  type VoterPlan,
  type VoterPolicy,
  type VoterView,
} from '../../src/authority/index.ts'
import { type BootMs, bootMs, type PeerId, Random } from '../../src/base/index.ts'

const OPTIONS: AutopilotOptions = { stabilizationMs: 100, deadVoterDelayMs: 1000, shrinkDelayMs: 10_000 }
const NOW = bootMs(100_000)
const SELF = 'peer-0' as PeerId

const since = fc.integer({ min: 0, max: 12_000 }).map((ago) => bootMs(NOW - ago))
const policy = fc.constantFrom<VoterPolicy>('auto', 'auto', 'auto', 'always', 'never')

interface Drawn extends Omit<CandidateView, 'peer' | 'name'> {
  readonly place: 'voter' | 'learner' | 'neither'
  readonly isAdmitted: boolean
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  policy,
  isWitness: fc.boolean(),
  isConnected: fc.nat({ max: 3 }).map((one) => one > 0),
  connectionSince: since,
  caughtUpSince: fc.option(since, { nil: undefined, freq: 4 }),
  place: fc.constantFrom('voter' as const, 'voter' as const, 'learner' as const, 'neither' as const),
  isAdmitted: fc.nat({ max: 9 }).map((one) => one > 0),
})

/** Any view that a leader may have: it votes, is admitted and sees itself. */
const anyView: fc.Arbitrary<VoterView> = fc
  .tuple(fc.record({ policy, since }), fc.array(drawn, { maxLength: 8 }))
  .map(([self, others]): VoterView => {
    const named = others.map((other, at) => ({ ...other, peer: `peer-${at + 1}` as PeerId }))
    const peersAt = (place: Drawn['place']) =>
      named.filter((other) => other.place === place).map(({ peer }) => peer)
    return {
      self: SELF,
      isPending: false,
      voters: [SELF, ...peersAt('voter')],
      learners: peersAt('learner'),
      peers: [
        {
          peer: SELF,
          name: 'self',
          policy: self.policy,
          isWitness: false,
          isConnected: true,
          connectionSince: self.since,
          caughtUpSince: self.since,
        },
        ...named
          .filter(({ isAdmitted }) => isAdmitted)
          .map(({ peer, isWitness, ...other }) => ({
            ...other,
            peer,
            name: peer,
            isWitness: isWitness && other.policy === 'auto' && other.connectionSince % 5 === 0,
            caughtUpSince: other.isConnected ? other.caughtUpSince : undefined,
          })),
      ],
    }
  })

const find = (view: VoterView, peer: PeerId) => view.peers.find((one) => one.peer === peer)
const policyOf = (one: CandidateView | undefined): VoterPolicy =>
  one === undefined ? 'never' : one.isWitness ? 'always' : one.policy
const isHealthy = (view: VoterView, peer: PeerId): boolean =>
  peer === view.self || find(view, peer)?.caughtUpSince !== undefined
const awayMs = (one: CandidateView | undefined): number =>
  one === undefined ? Number.POSITIVE_INFINITY : one.isConnected ? 0 : NOW - one.connectionSince

/** The view after the plan was carried out, from where the next leader looks. */
function after(view: VoterView, plan: VoterPlan): VoterView {
  if (plan.type === 'none') return view
  if (plan.type === 'transfer') return { ...view, self: plan.to }
  const heir = plan.voters.includes(view.self) ? view.self : plan.voters.find((peer) => isHealthy(view, peer))
  return { ...view, voters: plan.voters, learners: plan.learners, self: heir ?? view.self }
}

describe('from any view', () => {
  it('a change leads to 1, 3 or 5 voters, most of them connected and caught up, and most of the old ones connected', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const plan = planVoters(view, NOW, OPTIONS)
        if (plan.type !== 'change') return
        expect([1, 3, 5]).toContain(plan.voters.length)
        expect(2 * plan.voters.filter((peer) => isHealthy(view, peer)).length).toBeGreaterThan(
          plan.voters.length,
        )
        const there = view.voters.filter((peer) => find(view, peer)?.isConnected ?? false)
        expect(2 * there.length).toBeGreaterThan(view.voters.length)
        expect(new Set([...plan.voters, ...plan.learners]).size).toBe(
          plan.voters.length + plan.learners.length,
        )
      }),
      { numRuns: 5000 },
    )
  })

  it('nobody gets a vote who is not a stable learner, or is never to vote', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const plan = planVoters(view, NOW, OPTIONS)
        if (plan.type !== 'change') return
        for (const peer of plan.voters.filter((one) => !view.voters.includes(one))) {
          const one = find(view, peer)
          expect(view.learners).toContain(peer)
          expect(policyOf(one)).not.toBe('never')
          expect(one?.isConnected).toBe(true)
          expect(NOW - (one?.connectionSince ?? NOW)).toBeGreaterThanOrEqual(OPTIONS.stabilizationMs)
          expect(NOW - (one?.caughtUpSince ?? NOW)).toBeGreaterThanOrEqual(OPTIONS.stabilizationMs)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('nobody loses a vote without a reason, and nobody admitted is forgotten', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const plan = planVoters(view, NOW, OPTIONS)
        if (plan.type !== 'change') return
        const shrinks = plan.voters.length < view.voters.length
        const isMended = view.voters.length % 2 === 0 || view.voters.length > 5
        const isDisplaced = plan.voters.some(
          (peer) => !view.voters.includes(peer) && policyOf(find(view, peer)) === 'always',
        )
        for (const peer of view.voters.filter((one) => !plan.voters.includes(one))) {
          const one = find(view, peer)
          if (one !== undefined) expect(plan.learners).toContain(peer)
          if (policyOf(one) === 'never' || isMended || isDisplaced) continue
          const enough = shrinks && awayMs(one) > 0 ? OPTIONS.shrinkDelayMs : OPTIONS.deadVoterDelayMs
          if (!shrinks || awayMs(one) > 0) expect(awayMs(one)).toBeGreaterThanOrEqual(enough)
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('leadership goes only to a voter that is healthy and keeps its vote', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const plan = planVoters(view, NOW, OPTIONS)
        if (plan.type !== 'transfer') return
        expect(view.voters).toContain(plan.to)
        expect(plan.to).not.toBe(view.self)
        expect(isHealthy(view, plan.to)).toBe(true)
      }),
      { numRuns: 5000 },
    )
  })

  it('the same facts in another order give the same plan', () => {
    fc.assert(
      fc.property(anyView, (view) => {
        const turned: VoterView = {
          ...view,
          voters: [...view.voters].reverse(),
          learners: [...view.learners].reverse(),
          peers: [...view.peers].reverse(),
        }
        const [one, other] = [planVoters(view, NOW, OPTIONS), planVoters(turned, NOW, OPTIONS)]
        const essence = (plan: VoterPlan) =>
          plan.type === 'change' ? [plan.voters, plan.learners] : plan.type === 'transfer' ? plan.to : 'none'
        expect(essence(other)).toEqual(essence(one))
      }),
    )
  })

  it('carried out again and again it comes to rest within four steps', () => {
    fc.assert(
      fc.property(anyView, (given) => {
        let view = given
        let steps = 0
        for (let plan = planVoters(view, NOW, OPTIONS); plan.type !== 'none'; steps++) {
          expect(steps).toBeLessThan(4)
          view = after(view, plan)
          plan = planVoters(view, NOW, OPTIONS)
        }
      }),
      { numRuns: 5000 },
    )
  })
})

/** Machines that come and go, and a leader that looks every 20 ms and carries out what it plans. */
class Mesh {
  readonly changes: string[] = []
  view: VoterView
  readonly isUp = new Map<PeerId, boolean>()
  now: BootMs = bootMs(0)
  private readonly health = new PeerHealth()

  constructor(voters: number, learners: number) {
    const peers = Array.from({ length: voters + learners }, (_, at) => `peer-${at}` as PeerId)
    for (const peer of peers) this.isUp.set(peer, true)
    this.view = {
      self: SELF,
      isPending: false,
      voters: peers.slice(0, voters),
      learners: peers.slice(voters),
      peers: [],
    }
  }

  look(): void {
    const sightings = [...this.isUp].map(([peer, isConnected]) => ({
      peer,
      isConnected,
      matchIndex: 1,
      lastIndex: 1,
    }))
    this.health.observe(sightings, this.now)
    const peers = sightings.flatMap(({ peer }) => {
      const health = this.health.of(peer)
      return health === undefined
        ? []
        : [{ ...health, peer, name: peer, policy: 'auto' as const, isWitness: false }]
    })
    this.view = { ...this.view, peers }
    const plan = planVoters(this.view, this.now, OPTIONS)
    if (plan.type === 'none') return
    this.changes.push(plan.why)
    this.view = after(this.view, plan)
  }

  run(ms: number): void {
    const end = this.now + ms
    for (; this.now < end; this.now = bootMs(this.now + 20)) this.look()
  }
}

describe('machines that come and go', () => {
  it('flapping faster than the delays changes nothing, for hours', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.constantFrom([3, 3], [5, 1], [1, 1], [3, 1]),
        (seed, [voters = 0, learners = 0]) => {
          const mesh = new Mesh(voters, learners)
          const random = new Random(seed)
          const others = [...mesh.isUp.keys()].slice(1)
          // Each learner is up for less than the stabilisation, each voter away for less than its delay.
          const next = new Map(others.map((peer) => [peer, 0]))
          for (let at = 0; at < 1000; at++) {
            for (const peer of others) {
              if (mesh.now < (next.get(peer) ?? 0)) continue
              const isUp = !(mesh.isUp.get(peer) ?? false)
              mesh.isUp.set(peer, isUp)
              const isLearner = mesh.view.learners.includes(peer)
              next.set(peer, mesh.now + random.integer(20, isUp && isLearner ? 80 : isUp ? 500 : 900))
            }
            mesh.run(20)
          }
          expect(mesh.changes).toEqual([])
        },
      ),
      { numRuns: 50 },
    )
  })

  it('whatever happened before, when things stay as they are it comes to rest and stays there', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 7 }), (seed, joining) => {
        const mesh = new Mesh(1, joining)
        const random = new Random(seed)
        for (let at = 0; at < 30; at++) {
          for (const peer of [...mesh.isUp.keys()].filter((one) => one !== mesh.view.self)) {
            mesh.isUp.set(peer, random.float() < 0.7)
          }
          mesh.run(random.integer(20, 3000))
        }
        mesh.run(OPTIONS.shrinkDelayMs + 1000)
        const changes = mesh.changes.length
        mesh.run(2 * OPTIONS.shrinkDelayMs)
        expect(mesh.changes.length).toBe(changes)
        expect([1, 3, 5]).toContain(mesh.view.voters.length)
      }),
      { numRuns: 30 },
    )
  })
})
