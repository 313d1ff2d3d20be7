import { describe, expect, test } from 'vitest'
import type { Reason } from '../../src/base/index.ts'
import {
  type Candidate,
  explain,
  type PlacementPlan,
  type PlacementPolicy,
  place,
} from '../../src/placement/index.ts'
import { ATTIC, candidate, DESK, HERE, OPEN, peer, task } from './support.ts'

function reasonsOf(plan: PlacementPlan, node: string): readonly Reason[] | undefined {
  return plan.verdicts.find((verdict) => verdict.nodeId === node)?.reasons
}

describe('where a task runs', () => {
  test('an eligible other node comes before this one', () => {
    const plan = place(task(), [HERE, ATTIC], OPEN)
    expect(plan).toEqual({
      surface: 'lan',
      peer: ATTIC.peer,
      nodeId: 'attic',
      reason: 'populi_remote_lease_hold',
      verdicts: [
        { peer: ATTIC.peer, nodeId: 'attic', eligible: true, reasons: ['populi_remote_lease_hold'] },
        { peer: HERE.peer, nodeId: 'here', eligible: true, reasons: ['local_is_last_resort'] },
      ],
    })
  })

  test('without another eligible node it runs here', () => {
    const plan = place(task(), [HERE, candidate('attic', { connected: false })], OPEN)
    expect(plan).toMatchObject({ surface: 'local', nodeId: 'here', reason: 'local_queue_default' })
    expect(reasonsOf(plan, 'here')).toEqual(['local_queue_default'])
  })

  test('after an attempt elsewhere it runs here with the reason of the fallback', () => {
    const plan = place(task(), [HERE, ATTIC], { ...OPEN, exclude: new Set([ATTIC.peer]) })
    expect(plan).toMatchObject({ surface: 'local', reason: 'local_queue_fallback_after_remote_relay_error' })
    expect(reasonsOf(plan, 'attic')).toEqual(['worker_tried_before'])
  })

  test('after an attempt on one node another one is tried first', () => {
    const plan = place(task(), [HERE, ATTIC, DESK], { ...OPEN, exclude: new Set([ATTIC.peer]) })
    expect(plan).toMatchObject({ surface: 'lan', nodeId: 'desk', reason: 'populi_remote_lease_hold' })
  })

  test('when this node was tried as well, nobody is left', () => {
    const plan = place(task(), [HERE, ATTIC], { ...OPEN, exclude: new Set([ATTIC.peer, HERE.peer]) })
    expect(plan).toMatchObject({ surface: 'none', reason: 'no_eligible_node' })
    expect(plan.verdicts.every((verdict) => !verdict.eligible)).toBe(true)
  })

  test('the node with the fewest running tasks is taken', () => {
    const plan = place(
      task(),
      [HERE, candidate('attic', { runningTasks: 2 }), candidate('desk', { runningTasks: 1 })],
      OPEN,
    )
    expect(plan).toMatchObject({ nodeId: 'desk' })
    expect(reasonsOf(plan, 'attic')).toEqual(['busier_than_chosen'])
  })

  test('equal nodes share the work: 3 nodes, 3000 tasks, a third each', () => {
    const shares = new Map<string, number>()
    for (let index = 0; index < 3000; index += 1) {
      const plan = place(task(String(index + 1)), [HERE, ATTIC, DESK, candidate('nas')], OPEN)
      if (plan.surface !== 'lan') throw new TypeError('placed here')
      shares.set(plan.nodeId, (shares.get(plan.nodeId) ?? 0) + 1)
      const reasons = plan.verdicts.flatMap((verdict) => verdict.reasons)
      expect(reasons.filter((reason) => reason === 'equal_to_chosen')).toHaveLength(2)
    }
    for (const node of ['attic', 'desk', 'nas']) {
      expect(shares.get(node)).toBeGreaterThan(900)
      expect(shares.get(node)).toBeLessThan(1100)
    }
  })

  test('a node that goes away moves only its own tasks', () => {
    for (let index = 0; index < 200; index += 1) {
      const all = place(task(String(index + 1)), [HERE, ATTIC, DESK, candidate('nas')], OPEN)
      const fewer = place(task(String(index + 1)), [HERE, ATTIC, DESK], OPEN)
      if (all.surface === 'lan' && all.nodeId !== 'nas') expect(fewer).toMatchObject({ nodeId: all.nodeId })
    }
  })

  test('a function runs only where it is registered, and says so of the others', () => {
    const able = candidate('desk', { functions: ['resize', 'add'], runningTasks: 7 })
    const plan = place(task('1', undefined, 'add'), [HERE, ATTIC, able], OPEN)
    expect(plan).toMatchObject({ surface: 'lan', nodeId: 'desk' })
    expect(reasonsOf(plan, 'attic')).toEqual(['function_not_registered'])
    expect(reasonsOf(plan, 'here')).toEqual(['function_not_registered'])
  })

  test('a function that is registered nowhere runs nowhere; one of this node alone runs here', () => {
    expect(place(task('1', undefined, 'add'), [HERE, ATTIC], OPEN)).toMatchObject({
      surface: 'none',
      reason: 'no_eligible_node',
    })
    expect(place(task('1', 'attic', 'add'), [HERE, ATTIC], OPEN)).toMatchObject({
      surface: 'none',
      reason: 'function_not_registered',
    })
    const here = candidate('here', { self: true, functions: ['add'] })
    expect(place(task('1', undefined, 'add'), [here, ATTIC], OPEN)).toMatchObject({ surface: 'local' })
  })

  test('a command asks for no function', () => {
    expect(place(task(), [HERE, candidate('attic', { functions: [] })], OPEN)).toMatchObject({
      nodeId: 'attic',
    })
  })

  test('candidates without this node are a defect of the caller', () => {
    expect(() => place(task(), [ATTIC], OPEN)).toThrow('one candidate is this node')
  })
})

describe('a node that was asked for by name', () => {
  test('is taken although others are less busy', () => {
    const plan = place(task('1', 'attic'), [HERE, candidate('attic', { runningTasks: 9 }), DESK], OPEN)
    expect(plan).toMatchObject({ surface: 'lan', nodeId: 'attic', reason: 'requested_node' })
    expect(reasonsOf(plan, 'desk')).toEqual(['not_requested_node'])
    expect(reasonsOf(plan, 'here')).toEqual(['not_requested_node'])
  })

  test('can be this one, also with remote execution switched off', () => {
    const plan = place(task('1', 'here'), [HERE, ATTIC], { ...OPEN, remoteExecuteEnabled: false })
    expect(plan).toMatchObject({ surface: 'local', nodeId: 'here', reason: 'requested_node' })
    expect(reasonsOf(plan, 'attic')).toEqual(['not_requested_node', 'remote_execute_disabled'])
  })

  test('and is not eligible: the task is not placed, and never silently elsewhere', () => {
    const plan = place(task('1', 'attic'), [HERE, candidate('attic', { status: 'dead' }), DESK], OPEN)
    expect(plan).toMatchObject({ surface: 'none', reason: 'worker_not_alive' })
    expect(plan).not.toHaveProperty('nodeId')
  })

  test('and does not exist: the plan says so', () => {
    const plan = place(task('1', 'cabin'), [HERE, ATTIC], OPEN)
    expect(plan).toMatchObject({ surface: 'none', reason: 'requested_node_unknown' })
    expect(plan.verdicts).toHaveLength(2)
  })
})

describe('what stands against another node', () => {
  const cases: readonly [Reason, Partial<Candidate>, Partial<PlacementPolicy>][] = [
    ['remote_execute_disabled', {}, { remoteExecuteEnabled: false }],
    ['lease_gating_disabled', {}, { leaseGatingEnabled: false }],
    ['worker_not_alive', { status: 'dead' }, {}],
    ['worker_not_alive', { status: 'left' }, {}],
    ['worker_not_alive', { status: 'unseen' }, {}],
    ['worker_suspect', { status: 'suspect' }, {}],
    ['worker_not_connected', { connected: false }, {}],
    ['worker_refuses_remote', { remoteExecute: false }, {}],
    ['quarantined', { barredBy: 'quarantined' }, {}],
    ['maintenance', { barredBy: 'maintenance' }, {}],
    ['retired', { barredBy: 'retired' }, {}],
    ['worker_tried_before', {}, { exclude: new Set([peer('attic')]) }],
  ]
  test.each(cases)('%s: %o %o', (reason, fields, policy) => {
    const plan = place(task(), [HERE, candidate('attic', fields)], { ...OPEN, ...policy })
    expect(plan.surface).toBe('local')
    expect(reasonsOf(plan, 'attic')).toEqual([reason])
  })

  test('an admin order stands against this node as well', () => {
    const plan = place(task(), [candidate('here', { self: true, barredBy: 'maintenance' })], OPEN)
    expect(plan).toMatchObject({ surface: 'none', reason: 'no_eligible_node' })
    expect(reasonsOf(plan, 'here')).toEqual(['maintenance'])
  })

  test('nothing else stands against this node', () => {
    const here = candidate('here', { self: true, status: 'left', connected: false, remoteExecute: false })
    const plan = place(task(), [here], { ...OPEN, remoteExecuteEnabled: false, leaseGatingEnabled: false })
    expect(plan).toMatchObject({ surface: 'local', reason: 'local_queue_default' })
  })

  test('all of it is told, not only the first', () => {
    const attic = candidate('attic', { status: 'suspect', connected: false, remoteExecute: false })
    const policy = { remoteExecuteEnabled: false, leaseGatingEnabled: false, exclude: new Set([attic.peer]) }
    expect(reasonsOf(place(task('1', 'desk'), [HERE, attic], policy), 'attic')).toEqual([
      'not_requested_node',
      'worker_tried_before',
      'remote_execute_disabled',
      'lease_gating_disabled',
      'worker_suspect',
      'worker_not_connected',
      'worker_refuses_remote',
    ])
  })
})

describe('explain', () => {
  test('gives the decision and one aligned line for each candidate', () => {
    const cabin = candidate('cabin', { status: 'suspect', connected: false })
    const desk = candidate('desk', { runningTasks: 3 })
    expect(explain(place(task(), [HERE, ATTIC, cabin, desk], OPEN))).toMatchInlineSnapshot(`
      "attic (lan): runs on another node, under a lease
        attic  yes: runs on another node, under a lease
        cabin  no:  the worker may be gone, so it gets no new work; there is no connection to the worker
        desk   yes: could run it, but has more tasks running than the chosen node
        here   yes: could run it, but other nodes come first"
    `)
  })

  test('says why a task was not placed', () => {
    expect(
      explain(place(task('1', 'attic'), [HERE, candidate('attic', { connected: false })], OPEN)),
    ).toMatchInlineSnapshot(`
      "not placed: there is no connection to the worker
        attic  no:  there is no connection to the worker
        here   no:  another node was asked for by name"
    `)
  })
})
