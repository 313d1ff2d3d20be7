/** What happens when the worker of a submitted task is lost: who may execute it next, and when. */
import { describe, expect, it } from 'vitest'
import type { NodeId } from '../../src/base/index.ts'
import { unixMs } from '../../src/base/index.ts'
import type { TaskRecord } from '../../src/task/index.ts'
import {
  endedBy,
  exited,
  HOME,
  L1,
  L2,
  names,
  refusal,
  renew,
  result,
  SPAN_MS,
  SubmitterScript,
  started,
  TTL_MS,
  WORKER,
} from './support.ts'

const away = { type: 'lease-unavailable', detail: 'no leader' } as const
const granted = { type: 'lease-granted', leaseId: L2, ttlMs: TTL_MS } as const
const lost = { type: 'peer-lost', peer: WORKER } as const

function lostTask(options: Partial<TaskRecord> = {}): SubmitterScript {
  const script = new SubmitterScript(options)
  script.run()
  script.do(lost)
  return script
}

describe('an attached task', () => {
  it('its envelope asks for a lease of its submitter; that of a detached one, or of one at home, does not', () => {
    const envelopeOf = (script: SubmitterScript) => script.do({ ...granted, leaseId: L1 }).at(-1)
    const attached = new SubmitterScript()
    attached.place()
    expect(envelopeOf(attached)).toMatchObject({ message: { attached_ttl_ms: TTL_MS } })
    const detached = new SubmitterScript({ attached: false })
    detached.place()
    expect(envelopeOf(detached)).toMatchObject({ message: { attached_ttl_ms: undefined } })
    const atHome = new SubmitterScript()
    atHome.place(HOME, 'home')
    expect(envelopeOf(atHome)).toMatchObject({ message: { attached_ttl_ms: undefined } })
  })

  it('its worker is answered while it is wanted, and told to stop when it is not', () => {
    const script = new SubmitterScript()
    script.place()
    script.do({ ...granted, leaseId: L1 })
    expect(script.say(WORKER, renew(L1, 7))).toMatchObject([
      { message: { type: 'remote_task_renewed', exec_lease_id: L1, sequence: 7 } },
    ])
    expect(script.say(WORKER, renew(L2))).toMatchObject([
      { message: { type: 'remote_task_cancel', reason: 'stale_lease' } },
    ])
    script.do({ type: 'cancel-requested' })
    expect(script.say(WORKER, renew(L1))).toMatchObject([
      { message: { type: 'remote_task_cancel', reason: 'cancelled_by_user' } },
    ])
    script.say(WORKER, result(L1, endedBy('cancelled')))
    expect(names(script.say(WORKER, renew(L1)))).toEqual(['remote_task_cancel'])
  })

  it('no authority: it runs at home without a lease when the span of its last answer is over, not before', () => {
    const script = new SubmitterScript()
    script.run()
    script.now = 2000
    script.say(WORKER, renew(L1))
    const spanEndsAt = script.now + SPAN_MS
    expect(script.do(lost)).toContainEqual({ type: 'wake-at', at: spanEndsAt })
    expect(script.names(away)).toEqual(['noted', 'request-lease'])
    script.now = spanEndsAt - 2
    expect(script.names({ type: 'span-over' })).toEqual([])
    script.now = spanEndsAt
    const effects = script.do({ type: 'span-over' })
    expect(effects.at(-1)).toMatchObject({ type: 'send', to: HOME, message: { exec_lease_id: undefined } })
    expect(script.task.record).toMatchObject({ state: 'offered', reason: 'worker_lost' })
    // The request that was under way is answered late.
    expect(script.names(granted)).toEqual(['take-back-lease'])
  })

  it('no authority, noticed only after the span: it runs at home at once', () => {
    const script = lostTask()
    script.now += SPAN_MS
    expect(script.names({ type: 'span-over' })).toEqual([])
    expect(script.do(away).at(-1)).toMatchObject({ to: HOME, message: { exec_lease_id: undefined } })
  })

  it('while the authority answers that the key is held, its lease decides, whatever the span', () => {
    const script = lostTask()
    script.do({ type: 'lease-held' })
    script.now += 2 * SPAN_MS
    expect(script.names({ type: 'span-over' })).toEqual([])
    expect(script.state).toBe('fallback')
    expect(script.do(granted).at(-1)).toMatchObject({ to: HOME, message: { exec_lease_id: L2 } })
  })

  it('its worker said that nothing of it is left: without an authority it runs at home at once', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, result(L1, endedBy('node-stopping')))
    expect(script.do(away).at(-1)).toMatchObject({ to: HOME, message: { exec_lease_id: undefined } })
  })

  it('its worker could not prove that nothing is left: what its lease spans is waited for', () => {
    const script = new SubmitterScript()
    script.run()
    script.say(WORKER, result(L1, { ...endedBy('node-stopping'), quiet: false }))
    expect(script.names(away)).toEqual(['noted', 'request-lease'])
    expect(script.do(granted).at(-1)).toMatchObject({ to: HOME })
  })

  it.each(['started', 'renew'] as const)(
    'its worker is back (%s) before anybody else could have it: it goes on there',
    (how) => {
      const script = lostTask()
      script.do({ type: 'lease-held' })
      script.say(WORKER, how === 'started' ? started(L1) : renew(L1))
      expect(script.task.record).toMatchObject({ state: 'running', reason: 'populi_remote_lease_hold' })
      expect(script.names(granted)).toEqual(['take-back-lease'])
      script.say(WORKER, result(L1, exited(0)))
      expect(script.task.record).toMatchObject({ state: 'completed', starts: 1, attempts: 1 })
    },
  )

  it('its worker is back after its lease has ended: it is told to stop, and that is no cancel of the task', () => {
    const script = lostTask()
    script.do({ type: 'lease-expired', leaseId: L1 })
    expect(script.say(WORKER, renew(L1))).toMatchObject([{ message: { reason: 'stale_lease' } }])
    script.say(WORKER, result(L1, endedBy('cancelled')))
    expect(script.task.record).toMatchObject({ state: 'fallback', refusedResults: 1 })
  })
})

describe('a detached task', () => {
  const detached = { attached: false }

  it('no authority, never offered: it waits, says so once, and is offered when there is a lease', () => {
    const script = new SubmitterScript(detached)
    script.place()
    expect(script.names(away)).toEqual(['noted', 'request-lease'])
    expect(script.do(away)).toEqual([{ type: 'request-lease', holder: WORKER, again: true }])
    expect(script.task.record.history.at(-1)).toMatchObject({ reason: 'lease_unavailable' })
    expect(script.do(granted).at(-1)).toMatchObject({ to: WORKER })
  })

  it('no authority, its worker lost: it never runs at home without a lease', () => {
    const script = lostTask(detached)
    expect(names(script.do(away))).toEqual(['noted', 'request-lease'])
    script.now += 100 * SPAN_MS
    expect(script.names({ type: 'span-over' })).toEqual([])
    expect(script.names(away)).toEqual(['request-lease'])
    expect(script.do(granted).at(-1)).toMatchObject({ to: HOME, message: { exec_lease_id: L2 } })
  })

  it('its worker is back: it goes on there', () => {
    const script = lostTask(detached)
    script.do({ type: 'lease-held' })
    script.say(WORKER, started(L1))
    expect(script.state).toBe('running')
  })

  it('what ends at home with its node is placed again; an attached one fails', () => {
    for (const attached of [true, false]) {
      const script = new SubmitterScript({ attached })
      script.place(HOME, 'home')
      script.do({ ...granted, leaseId: L1 })
      script.say(HOME, started(L1))
      const effects = script.say(HOME, result(L1, endedBy('worker-restarted')))
      if (attached)
        expect(script.task.record).toMatchObject({ state: 'failed', reason: 'submitter_restarted' })
      else expect(names(effects)).toEqual(['journal', 'changed', 'place', 'remote_task_result_ack'])
    }
  })

  it.each(['lease-lost', 'guardian-lost'] as const)(
    'an attached one that ended at home with %s runs there again, under a new lease or without one when no authority answers',
    (cause) => {
      for (const answer of [granted, away]) {
        const script = new SubmitterScript()
        script.place(HOME, 'home')
        script.do({ ...granted, leaseId: L1 })
        script.say(HOME, started(L1))
        const ended = script.say(HOME, result(L1, endedBy(cause)))
        expect(names(ended)).toContain('request-lease')
        expect(script.state).toBe('fallback')
        expect(script.do(answer).at(-1)).toMatchObject({ type: 'send', to: HOME })
        expect(script.task.record).toMatchObject({ state: 'offered', attempts: 2, finalResults: 0 })
      }
    },
  )

  it.each(['lease_unavailable', 'lease_expired'])(
    'an attached one whose lease was confirmed too late at home (%s) waits for the next one',
    (detail) => {
      const script = new SubmitterScript()
      script.place(HOME, 'home')
      script.do({ ...granted, leaseId: L1 })
      expect(names(script.say(HOME, refusal(L1, detail)))).toContain('request-lease')
      expect(script.do(granted).at(-1)).toMatchObject({ type: 'send', to: HOME })
      expect(script.task.record).toMatchObject({ state: 'offered', attempts: 2 })
    },
  )

  it('cancelled, and ended at home without proof of quiet: no end is told before its lease is over', () => {
    for (const attached of [true, false]) {
      const script = new SubmitterScript({ attached })
      script.place(HOME, 'home')
      script.do({ ...granted, leaseId: L1 })
      script.say(HOME, started(L1))
      script.do({ type: 'cancel-requested' })
      script.say(HOME, result(L1, { ...endedBy('guardian-lost'), quiet: false }))
      expect(script.task.record).toMatchObject({ state: 'fallback', finalResults: 0 })
      script.do({ type: 'lease-expired', leaseId: L1 })
      expect(script.task.record).toMatchObject({ state: 'cancelled', finalResults: 1 })
    }
  })

  it('what takes its node down each time fails after a bounded number of attempts', () => {
    const script = new SubmitterScript(detached)
    script.do({ type: 'submitted' })
    let attempts = 0
    while (script.state === 'placing') {
      attempts++
      script.do({ type: 'placed', peer: HOME, nodeId: 'home' as NodeId, reason: 'local_queue_default' })
      script.do({ ...granted, leaseId: L1 })
      script.say(HOME, result(L1, endedBy('worker-restarted')))
    }
    expect(attempts).toBe(10)
    expect(script.task.record).toMatchObject({ state: 'failed', attempts: 10, finalResults: 1 })
  })
})

describe('the policy to run nowhere else', () => {
  const none = { fallback: 'none' } as const

  it('the lease that would let it run at home goes back, and it fails with the reason that led there', () => {
    const script = lostTask(none)
    script.do({ type: 'lease-held' })
    expect(script.names(granted)).toEqual(['journal', 'changed', 'ended', 'take-back-lease'])
    expect(script.task.record).toMatchObject({
      state: 'failed',
      reason: 'worker_lost',
      error: 'worker was lost',
      starts: 1,
    })
  })

  it('without an authority an attached task fails when its span is over, and not before', () => {
    const script = lostTask(none)
    script.do(away)
    expect(script.state).toBe('fallback')
    script.now += SPAN_MS
    script.do({ type: 'span-over' })
    expect(script.task.record).toMatchObject({ state: 'failed', reason: 'worker_lost' })
  })

  it('nobody executes it for sure: it fails at once', () => {
    const stopped = new SubmitterScript(none)
    stopped.run()
    stopped.say(WORKER, result(L1, endedBy('drain-deadline')))
    expect(stopped.task.record).toMatchObject({ state: 'failed', reason: 'drain_deadline' })

    const expired = new SubmitterScript(none)
    expired.run()
    expired.do({ type: 'lease-expired', leaseId: L1 })
    expect(expired.task.record).toMatchObject({ state: 'failed', reason: 'lease_expired' })

    const refused = new SubmitterScript({ ...none, on: 'worker' })
    refused.place()
    refused.do({ ...granted, leaseId: L1 })
    refused.say(WORKER, refusal(L1, 'worker_full'))
    expect(refused.task.record).toMatchObject({ state: 'failed', reason: 'offer_refused' })

    const unleased = new SubmitterScript(none)
    unleased.place()
    unleased.do(away)
    expect(unleased.task.record).toMatchObject({ state: 'failed', reason: 'lease_unavailable' })
  })

  it('a task that was placed at home is where it was asked to be: it runs there without a lease', () => {
    const script = new SubmitterScript(none)
    script.place(HOME, 'home')
    expect(script.do(away).at(-1)).toMatchObject({ to: HOME, message: { exec_lease_id: undefined } })
  })
})

describe('a cancel of a task whose worker is lost', () => {
  const cancel = { type: 'cancel-requested' } as const

  it('a lost connection alone ends nothing: the lease does', () => {
    const script = new SubmitterScript()
    script.run()
    script.do(cancel)
    script.do(lost)
    expect(script.task.record).toMatchObject({ state: 'fallback', finalResults: 0 })
    script.do({ type: 'lease-held' })
    script.do({ type: 'lease-expired', leaseId: L1 })
    expect(script.task.record).toMatchObject({
      state: 'cancelled',
      reason: 'cancelled_by_user',
      error: 'worker was lost; nothing of it can run any more',
      finalResults: 1,
    })
  })

  it('it is sent again when the worker is back, which answers with the result', () => {
    const script = lostTask()
    script.do(cancel)
    expect(script.state).toBe('fallback')
    expect(script.do({ type: 'peer-connected', peer: WORKER })).toMatchObject([
      { message: { type: 'remote_task_cancel', reason: 'cancelled_by_user' } },
    ])
    expect(names(script.say(WORKER, started(L1)))).toEqual(['remote_task_cancel'])
    script.say(WORKER, result(L1, endedBy('cancelled')))
    expect(script.state).toBe('cancelled')
  })

  it('the lease for this node goes straight back', () => {
    const script = lostTask()
    script.do(cancel)
    expect(script.names(granted)).toEqual(['journal', 'changed', 'ended', 'take-back-lease'])
    expect(script.state).toBe('cancelled')
  })

  it('attached, the worker out of reach: it is over with the span of the last answer', () => {
    const script = lostTask()
    script.do(cancel)
    script.do({ type: 'lease-held' })
    script.now += SPAN_MS
    script.do({ type: 'span-over' })
    expect(script.task.record).toMatchObject({ state: 'cancelled', finalResults: 1 })
  })

  it('attached, the worker connected and silent: it is not answered any more, so its span ends the wait', () => {
    const script = new SubmitterScript()
    script.run()
    expect(script.do(cancel)).toContainEqual({ type: 'wake-at', at: script.now - 2 + SPAN_MS })
    script.say(WORKER, renew(L1))
    script.now += SPAN_MS
    script.do({ type: 'span-over' })
    expect(script.task.record).toMatchObject({ state: 'cancelled', finalResults: 1 })
  })

  it('the end that is not quiet is waited for', () => {
    const script = new SubmitterScript()
    script.run()
    script.do(cancel)
    script.say(WORKER, result(L1, { ...endedBy('guardian-lost'), quiet: false }))
    expect(script.state).toBe('fallback')
    script.do({ type: 'lease-expired', leaseId: L1 })
    expect(script.state).toBe('cancelled')
  })
})

it('an admin order at home: the task fails when nobody executes it any more, and not before', () => {
  const script = lostTask()
  const barred = { type: 'holder-barred', reason: 'maintenance', detail: 'home is in maintenance' } as const
  expect(script.names(barred)).toEqual(['noted', 'request-lease'])
  expect(script.names(barred)).toEqual(['request-lease'])
  script.do({ type: 'lease-expired', leaseId: L1 })
  script.do(barred)
  expect(script.task.record).toMatchObject({ state: 'failed', reason: 'maintenance' })
})

it('its deadline passes while it waits: it does not run at home any more', () => {
  const script = lostTask({ deadlineUnixMs: unixMs(5000) })
  script.now = 5000
  expect(script.names(granted)).toEqual(['journal', 'changed', 'ended', 'take-back-lease'])
  expect(script.task.record).toMatchObject({ state: 'failed', reason: 'timed_out' })
})
