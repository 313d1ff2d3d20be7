import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeId, REASONS, taskId } from '../../src/base/index.ts'
import {
  type Candidate,
  explain,
  type PlacementPolicy,
  type PlacementTask,
  place,
} from '../../src/placement/index.ts'
import { candidate } from './support.ts'

const NAMES = ['here', 'attic', 'desk', 'nas', 'cabin'] as const

const others = fc.subarray(NAMES.slice(1)).chain((names) =>
  fc.tuple(
    ...names.map((name) =>
      fc
        .record({
          status: fc.constantFrom('unseen', 'alive', 'alive', 'alive', 'suspect', 'dead', 'left'),
          connected: fc.constantFrom(true, true, false),
          barredBy: fc.constantFrom(undefined, undefined, 'quarantined' as const),
          remoteExecute: fc.constantFrom(true, true, false),
          runningTasks: fc.nat(2),
          functions: fc.subarray(['add', 'resize']),
        })
        .map((fields) => candidate(name, fields)),
    ),
  ),
)

interface Question {
  readonly task: PlacementTask
  readonly candidates: readonly Candidate[]
  readonly policy: PlacementPolicy
}

const questions: fc.Arbitrary<Question> = others.chain((found) => {
  const candidates = [candidate('here', { self: true }), ...found]
  return fc.record({
    task: fc.record({
      id: fc.integer({ min: 1, max: 10 ** 15 - 1 }).map((id) => taskId(String(id))),
      on: fc.option(
        fc.constantFrom(...NAMES).map((name) => nodeId(name)),
        { nil: undefined, freq: 2 },
      ),
      function: fc.constantFrom(undefined, 'add', 'resize'),
    }),
    candidates: fc.constant(candidates),
    policy: fc.record({
      remoteExecuteEnabled: fc.constantFrom(true, true, false),
      leaseGatingEnabled: fc.constantFrom(true, true, false),
      exclude: fc.subarray(candidates.map(({ peer }) => peer)).map((peers) => new Set(peers)),
    }),
  })
})

describe('properties of place', () => {
  test('every candidate has one verdict, with at least one reason of the vocabulary', () => {
    fc.assert(
      fc.property(questions, ({ task, candidates, policy }) => {
        const { verdicts } = place(task, candidates, policy)
        expect(verdicts.map(({ peer }) => peer).toSorted()).toEqual(
          candidates.map(({ peer }) => peer).toSorted(),
        )
        for (const { reasons } of verdicts) {
          expect(reasons.length).toBeGreaterThan(0)
          for (const reason of reasons) expect(Object.hasOwn(REASONS, reason)).toBe(true)
        }
      }),
    )
  })

  test('the chosen node is eligible, and none is chosen only when none is', () => {
    fc.assert(
      fc.property(questions, ({ task, candidates, policy }) => {
        const plan = place(task, candidates, policy)
        const eligible = plan.verdicts.filter((verdict) => verdict.eligible).map(({ peer }) => peer)
        if (plan.surface === 'none') expect(eligible).toEqual([])
        else {
          expect(eligible).toContain(plan.peer)
          const chosen = candidates.find(({ peer }) => peer === plan.peer)
          expect(plan.surface).toBe(chosen?.self === true ? 'local' : 'lan')
        }
      }),
    )
  })

  test('no other node gets work that the switches, its own word, its state or the asker forbid', () => {
    fc.assert(
      fc.property(questions, ({ task, candidates, policy }) => {
        const plan = place(task, candidates, policy)
        if (plan.surface === 'none') return
        expect(policy.exclude.has(plan.peer)).toBe(false)
        expect(task.on ?? plan.nodeId).toBe(plan.nodeId)
        if (plan.surface === 'local') return
        expect(policy).toMatchObject({ remoteExecuteEnabled: true, leaseGatingEnabled: true })
        const chosen = candidates.find(({ peer }) => peer === plan.peer)
        expect(chosen).toMatchObject({ status: 'alive', connected: true, remoteExecute: true })
        expect(chosen?.barredBy).toBeUndefined()
      }),
    )
  })

  test('the order of the candidates does not matter', () => {
    const shuffled = questions.chain((question) =>
      fc.tuple(
        fc.constant(question),
        fc.shuffledSubarray([...question.candidates], { minLength: question.candidates.length }),
      ),
    )
    fc.assert(
      fc.property(shuffled, ([{ task, candidates, policy }, reordered]) => {
        expect(place(task, reordered, policy)).toEqual(place(task, candidates, policy))
      }),
    )
  })

  test('without a name, no eligible other node has fewer running tasks than the chosen one', () => {
    fc.assert(
      fc.property(questions, ({ task, candidates, policy }) => {
        const plan = place({ ...task, on: undefined }, candidates, policy)
        if (plan.surface === 'none') return
        const isEligible = new Set(
          plan.verdicts.filter((verdict) => verdict.eligible).map(({ peer }) => peer),
        )
        const rivals = candidates.filter(({ peer, self }) => !self && isEligible.has(peer))
        const running = rivals.map(({ runningTasks }) => runningTasks)
        if (plan.surface === 'local') expect(rivals).toEqual([])
        else
          expect(candidates.find(({ peer }) => peer === plan.peer)?.runningTasks).toBe(Math.min(...running))
      }),
    )
  })

  test('explain names every candidate and no undefined reason', () => {
    fc.assert(
      fc.property(questions, ({ task, candidates, policy }) => {
        const text = explain(place(task, candidates, policy))
        for (const { nodeId } of candidates) expect(text).toContain(`  ${nodeId}`)
        expect(text).not.toContain('undefined')
      }),
    )
  })
})
