import { describe, expect, it } from 'vitest'
import { LIMITS, type NodeId, type PeerId, unixMs } from '../../src/base/index.ts'
import { cancelLatencyMs } from '../../src/task/index.ts'
import {
  endedBy,
  exited,
  HOME,
  L1,
  L2,
  names,
  OTHER,
  output,
  refusal,
  result,
  SubmitterScript,
  started,
  WORKER,
} from './support.ts'

const states = (script: SubmitterScript): string[] => script.task.record.history.map(({ state }) => state)

describe('a submitted task', () => {
  it('is placed, leased, offered, runs and completes; what others rely on is journalled before, and once', () => {
    const script = new SubmitterScript()
    expect(script.names({ type: 'submitted' })).toEqual(['journal', 'changed', 'changed', 'place'])
    expect(
      script.names({ type: 'placed', peer: WORKER, nodeId: 'worker' as NodeId, reason: 'requested_node' }),
    ).toEqual(['changed', 'request-lease'])
    const offered = script.do({ type: 'lease-granted', leaseId: L1, ttlMs: 3000 })
    expect(names(offered)).toEqual(['journal', 'changed', 'remote_task_envelope'])
    expect(names(script.say(WORKER, started(L1)))).toEqual(['changed'])
    expect(names(script.say(WORKER, result(L1, exited(0))))).toEqual([
      'journal',
      'changed',
      'ended',
      'remote_task_result_ack',
    ])
    expect(states(script)).toEqual(['queued', 'placing', 'leasing', 'offered', 'running', 'completed'])
    expect(script.task.record).toMatchObject({
      starts: 1,
      finalResults: 1,
      reason: 'populi_remote_lease_hold',
    })
  })

  it('fails with the exit code of a command that failed', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, result(L1, exited(3)))
    expect(script.state).toBe('failed')
    expect(script.task.record.outcome?.exitCode).toBe(3)
  })

  it('has one final result: a repeated and a late one are acknowledged and counted, nothing else', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, result(L1, exited(0)))
    expect(names(script.say(WORKER, result(L1, exited(1))))).toEqual(['journal', 'remote_task_result_ack'])
    expect(script.task.record).toMatchObject({ state: 'completed', finalResults: 1, refusedResults: 1 })
    expect(script.task.record.outcome?.exitCode).toBe(0)
  })

  it('worker lost: takes the lease back if it can, waits for the key, then runs at home under a new lease', () => {
    const script = new SubmitterScript()
    script.run()
    expect(script.names({ type: 'peer-lost', peer: WORKER })).toEqual([
      'journal',
      'changed',
      'take-back-lease',
      'wake-at',
      'request-lease',
    ])
    expect(script.names({ type: 'lease-held' })).toEqual(['noted', 'request-lease'])
    expect(script.names({ type: 'lease-held' })).toEqual(['request-lease'])
    const offered = script.do({ type: 'lease-granted', leaseId: L2, ttlMs: 3000 })
    expect(offered.at(-1)).toMatchObject({ type: 'send', to: HOME, message: { exec_lease_id: L2 } })
    script.say(HOME, started(L2))
    script.say(HOME, result(L2, exited(0)))
    expect(script.task.record).toMatchObject({
      state: 'completed',
      starts: 2,
      finalResults: 1,
      reason: 'worker_lost',
    })
    expect(script.task.record.attempt?.nodeId).toBe('home')
  })

  it('an expired lease ends the attempt, also when its worker still seems connected; another lease does not', () => {
    const script = new SubmitterScript()
    script.run()
    expect(script.names({ type: 'lease-expired', leaseId: L2 })).toEqual([])
    script.do({ type: 'lease-expired', leaseId: L1 })
    expect(script.task.record).toMatchObject({ state: 'fallback', reason: 'lease_expired' })

    const cancelled = new SubmitterScript()
    cancelled.run()
    cancelled.do({ type: 'cancel-requested' })
    cancelled.do({ type: 'lease-expired', leaseId: L1 })
    expect(cancelled.task.record).toMatchObject({ state: 'cancelled', finalResults: 1 })
  })

  it('fencing: the result of the lost attempt does not count once the key is leased anew', () => {
    const script = new SubmitterScript()
    script.run()
    script.do({ type: 'peer-lost', peer: WORKER })
    script.do({ type: 'lease-granted', leaseId: L2, ttlMs: 3000 })
    expect(names(script.say(WORKER, result(L1, exited(0))))).toEqual(['journal', 'remote_task_result_ack'])
    expect(script.state).toBe('offered')
    expect(script.task.record).toMatchObject({ finalResults: 0, refusedResults: 1 })
  })

  it('a worker that comes back before anybody else got the key still delivers the one result', () => {
    const script = new SubmitterScript()
    script.run()
    script.do({ type: 'peer-lost', peer: WORKER })
    script.do({ type: 'lease-held' })
    script.say(WORKER, result(L1, exited(0)))
    expect(script.state).toBe('completed')
    expect(script.names({ type: 'lease-granted', leaseId: L2, ttlMs: 3000 })).toEqual(['take-back-lease'])
    expect(script.task.record).toMatchObject({ starts: 1, finalResults: 1 })
  })

  it.each(['lease-lost', 'node-stopping', 'worker-restarted', 'guardian-lost', 'submitter-lost'] as const)(
    'a worker that had to stop because of %s is replaced by local execution',
    (cause) => {
      const script = new SubmitterScript()
      script.run()
      script.say(WORKER, result(L1, endedBy(cause)))
      expect(script.state).toBe('fallback')
      expect(script.task.record.finalResults).toBe(0)
    },
  )

  it('a refused offer goes to the next node and after three refusals home', () => {
    const script = new SubmitterScript()
    script.place()
    script.do({ type: 'lease-granted', leaseId: L1, ttlMs: 3000 })
    const effects = script.say(WORKER, refusal(L1, 'worker_full'))
    expect(names(effects)).toEqual(['journal', 'take-back-lease', 'changed', 'place'])
    expect(effects.at(-1)).toMatchObject({ exclude: [WORKER] })
    for (const lease of [L2, L1]) {
      script.do({
        type: 'placed',
        peer: OTHER,
        nodeId: 'other' as NodeId,
        reason: 'populi_remote_lease_hold',
      })
      script.do({ type: 'lease-granted', leaseId: lease, ttlMs: 3000 })
      script.say(OTHER, refusal(lease, 'worker_full'))
    }
    expect(script.state).toBe('fallback')
    expect(script.task.record.reason).toBe('offer_refused')
  })

  it('a holder that gets no lease by an admin order: the next node, and after three home, with that reason', () => {
    const script = new SubmitterScript()
    script.place(WORKER)
    const barred = { type: 'holder-barred', reason: 'maintenance', detail: 'in maintenance' } as const
    for (const next of [OTHER, 'peer-third' as PeerId]) {
      expect(script.names(barred)).toEqual(['journal', 'changed', 'place'])
      script.do({ type: 'placed', peer: next, nodeId: 'next' as NodeId, reason: 'populi_remote_lease_hold' })
    }
    expect(script.do(barred).at(-1)).toEqual({ type: 'request-lease', holder: HOME, again: false })
    expect(script.task.record).toMatchObject({ state: 'fallback', reason: 'maintenance' })
    script.do(barred)
    expect(script.task.record).toMatchObject({ state: 'failed', reason: 'maintenance', finalResults: 1 })
  })

  it.each([
    ['quarantined', 'quarantined'],
    ['drain-deadline', 'drain_deadline'],
    ['lease-lost', 'worker_lost'],
  ] as const)(
    'a worker that ended the attempt with %s: it runs at home, and the reason is %s',
    (cause, reason) => {
      const script = new SubmitterScript()
      script.run()
      script.say(WORKER, result(L1, endedBy(cause)))
      expect(script.task.record).toMatchObject({ state: 'fallback', reason })
    },
  )

  it('no authority: a task that was offered to nobody runs at home without a lease', () => {
    const script = new SubmitterScript()
    script.place()
    const effects = script.do({ type: 'lease-unavailable', detail: 'no leader' })
    expect(effects.at(-1)).toMatchObject({ type: 'send', to: HOME, message: { exec_lease_id: undefined } })
    expect(script.task.record.reason).toBe('lease_unavailable')
  })

  it('cancel before the offer ends it at once; a lease that comes later goes back', () => {
    const script = new SubmitterScript()
    script.place()
    script.do({ type: 'cancel-requested' })
    expect(script.state).toBe('cancelled')
    expect(script.names({ type: 'lease-granted', leaseId: L1, ttlMs: 3000 })).toEqual(['take-back-lease'])
  })

  it('cancel while it runs is the worker’s to answer', () => {
    const script = new SubmitterScript()
    script.run()
    expect(names(script.do({ type: 'cancel-requested' }))).toEqual([
      'journal',
      'cancelling',
      'noted',
      'wake-at',
      'remote_task_cancel',
    ])
    expect(script.state).toBe('running')
    expect(script.names({ type: 'cancel-requested' })).toEqual([])
    script.say(WORKER, result(L1, endedBy('cancelled')))
    expect(script.task.record).toMatchObject({ state: 'cancelled', reason: 'cancelled_by_user' })
  })

  it('the run states, and how long the cancel took, are in the record', () => {
    const script = new SubmitterScript()
    script.run()
    script.now = 1000
    script.do({ type: 'cancel-requested' })
    script.now = 1040
    script.say(WORKER, result(L1, endedBy('cancelled')))
    expect(script.task.record.runs.map(({ state }) => state)).toEqual([
      'start',
      'cancel_requested',
      'cancelled',
    ])
    expect(cancelLatencyMs(script.task.record.runs)).toBe(40)
  })

  it('a command that had ended before the cancel reached it keeps its result', () => {
    const script = new SubmitterScript()
    script.run()
    script.do({ type: 'cancel-requested' })
    script.say(WORKER, result(L1, exited(0)))
    expect(script.state).toBe('completed')
  })

  it('output of another attempt is not passed on, and its sender is told to stop', () => {
    const script = new SubmitterScript()
    script.run()
    expect(names(script.say(WORKER, output(L2, 0, 1)))).toEqual(['remote_task_cancel'])
    expect(names(script.say(OTHER, output(L1, 0, 1)))).toEqual(['remote_task_cancel'])
    expect(names(script.say(WORKER, output(L1, 0, 1)))).toEqual(['output'])
  })

  it('output that is repeated after a reconnect is passed on once', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, output(L1, 0, 1, 2, 3))
    expect(script.say(WORKER, output(L1, 0, 1, 2, 3))).toMatchObject([
      { chunk: new Uint8Array(), acknowledgement: { message: { bytes: 3 } } },
    ])
    expect(script.say(WORKER, output(L1, 2, 3, 4))).toMatchObject([
      { chunk: new Uint8Array([4]), acknowledgement: { message: { bytes: 4 } } },
    ])
  })

  it('output that the worker could not keep is told as missing, once', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, output(L1, 0, 1, 2))
    const effects = script.say(WORKER, output(L1, 10, 3))
    expect(names(effects)).toEqual(['journal', 'output', 'output'])
    const [, gap] = effects
    const text = gap?.type === 'output' ? new TextDecoder().decode(gap.chunk) : ''
    expect(text).toBe('\n[populi: 8 bytes of output are missing here]\n')
    expect(effects[2]).toMatchObject({
      chunk: new Uint8Array([3]),
      acknowledgement: { message: { bytes: 11 } },
    })
    expect(names(script.say(WORKER, output(L1, 11, 4)))).toEqual(['output'])
  })

  it('output that had not come before the result is told as missing', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, output(L1, 0, 1, 2))
    const effects = script.say(WORKER, result(L1, { ...exited(0), outputBytes: 5 }))
    const gap = effects.find(({ type }) => type === 'output')
    expect(gap?.type === 'output' && new TextDecoder().decode(gap.chunk)).toBe(
      '\n[populi: 3 bytes of output are missing here]\n',
    )
    expect(script.state).toBe('completed')
  })

  it('what nothing can run as asked fails with the reason', () => {
    const script = new SubmitterScript()
    script.do({ type: 'submitted' })
    script.do({ type: 'unplaceable', reason: 'worker_not_alive', detail: 'attic: not alive' })
    expect(script.task.record).toMatchObject({ state: 'failed', reason: 'worker_not_alive', finalResults: 1 })
  })

  it('its deadline passes while it waits for a lease: it is not begun any more', () => {
    const script = new SubmitterScript({ deadlineUnixMs: unixMs(100) })
    script.place()
    script.now = 100
    expect(script.names({ type: 'lease-granted', leaseId: L1, ttlMs: 3000 })).toEqual([
      'journal',
      'changed',
      'ended',
      'take-back-lease',
    ])
    expect(script.task.record).toMatchObject({ state: 'failed', reason: 'timed_out', attempts: 0 })
  })

  it('its history is bounded: the first change and the newest are kept', () => {
    const script = new SubmitterScript()
    script.run()
    for (let at = 0; at < LIMITS.taskHistoryMax; at++) {
      script.do({ type: 'peer-lost', peer: WORKER })
      script.say(WORKER, started(L1))
    }
    const { history } = script.task.record
    expect(history).toHaveLength(LIMITS.taskHistoryMax)
    expect([history[0]?.state, history.at(-1)?.state]).toEqual(['queued', 'running'])
  })
})
