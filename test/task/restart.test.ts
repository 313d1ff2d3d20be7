/** A submitter that was restarted: everything in its journal goes on. */
import { describe, expect, it } from 'vitest'
import {
  endedBy,
  exited,
  HOME,
  L1,
  L2,
  names,
  output,
  refusal,
  renew,
  restarted,
  result,
  SPAN_MS,
  SubmitterScript,
  started,
  TTL_MS,
  WORKER,
} from './support.ts'

const back = { type: 'peer-connected', peer: WORKER } as const
const granted = { type: 'lease-granted', leaseId: L1, ttlMs: TTL_MS } as const

function running(options = {}): SubmitterScript {
  const script = new SubmitterScript(options)
  script.run()
  return script
}

describe('after a restart of its submitter', () => {
  it.each(['queued', 'leasing'])('a task that was %s is placed again, when the mesh is known', (state) => {
    const script = new SubmitterScript()
    if (state === 'queued') script.do({ type: 'submitted' })
    else script.place()
    const next = restarted(script)
    expect(names(next.recovery)).toEqual(['journal', 'changed', 'place'])
    expect(next.recovery.at(-1)).toMatchObject({ patient: true })
  })

  it('a task that was offered is offered again under the same lease, once its worker is there', () => {
    const script = new SubmitterScript()
    script.place()
    script.do(granted)
    const next = restarted(script)
    expect(next.recovery.at(-1)).toEqual({ type: 'reach', peer: WORKER })
    const offered = next.do(back)
    expect(offered).toMatchObject([{ message: { type: 'remote_task_envelope', exec_lease_id: L1 } }])
    expect(next.names(back)).toEqual([])
    next.say(WORKER, started(L1))
    next.say(WORKER, result(L1, exited(0)))
    expect(next.task.record).toMatchObject({ state: 'completed', starts: 1, attempts: 1 })
  })

  it('a task that ran goes on: its worker says where it is, or has its result', () => {
    const next = restarted(running())
    next.do(back)
    next.say(WORKER, started(L1))
    expect(next.state).toBe('running')
    next.say(WORKER, result(L1, exited(0)))
    expect(next.task.record).toMatchObject({ state: 'completed', finalResults: 1 })
  })

  it('its worker is not there in time: it is lost as any other', () => {
    const next = restarted(running())
    expect(next.names({ type: 'peer-lost', peer: WORKER })).toContain('request-lease')
    expect(next.state).toBe('fallback')
  })

  it('its worker knows nothing of it any more: nothing runs there', () => {
    const next = restarted(running({ fallback: 'none' }))
    next.do(back)
    next.say(WORKER, refusal(L1, 'lease_expired'))
    expect(next.task.record).toMatchObject({ state: 'failed', reason: 'worker_lost', finalResults: 1 })
  })

  it('an attached task: no answer of the life before is later than the restart, so the span begins there', () => {
    const script = running()
    script.now = 2000
    script.say(WORKER, renew(L1))
    script.now = 2500
    const next = restarted(script)
    const restartedAt = next.now
    next.do({ type: 'peer-lost', peer: WORKER })
    next.do({ type: 'lease-unavailable', detail: 'no leader' })
    next.now = restartedAt + SPAN_MS - 2
    next.do({ type: 'span-over' })
    expect(next.state).toBe('fallback')
    next.now = restartedAt + SPAN_MS
    next.do({ type: 'span-over' })
    expect(next.task.record).toMatchObject({ state: 'offered', attempt: { peer: HOME } })
  })

  it('a task that waited for its lease at home asks again, and its worker may still come back', () => {
    const script = running()
    script.do({ type: 'peer-lost', peer: WORKER })
    const next = restarted(script)
    expect(names(next.recovery)).toEqual(['noted', 'wake-at', 'request-lease'])
    next.say(WORKER, started(L1))
    expect(next.state).toBe('running')
  })

  it('a cancel is sent again', () => {
    const script = running()
    script.do({ type: 'cancel-requested' })
    const next = restarted(script)
    expect(next.do(back)).toMatchObject([{ message: { type: 'remote_task_cancel' } }])
    next.say(WORKER, result(L1, endedBy('cancelled')))
    expect(next.state).toBe('cancelled')
  })

  it('an ended task: the result that is repeated is acknowledged, and counted', () => {
    const script = running()
    script.say(WORKER, result(L1, exited(0)))
    const next = restarted(script)
    expect(names(next.say(WORKER, result(L1, exited(0))))).toEqual(['journal', 'remote_task_result_ack'])
    expect(next.task.record).toMatchObject({ state: 'completed', finalResults: 1, refusedResults: 1 })
  })

  it('an execution at home: the offer is repeated to this node’s own worker, which knows how it ended', () => {
    const script = new SubmitterScript({ attached: false })
    script.place(HOME, 'home')
    script.do(granted)
    const next = restarted(script)
    expect(next.recovery.at(-1)).toEqual({ type: 'reach', peer: HOME })
    expect(next.do({ type: 'peer-connected', peer: HOME })).toMatchObject([{ to: HOME }])
    next.say(HOME, result(L1, endedBy('worker-restarted')))
    expect(next.state).toBe('placing')
    // The same again, because it answered twice.
    next.say(HOME, result(L1, endedBy('worker-restarted')))
    expect(next.task.record).toMatchObject({ state: 'placing', refusedResults: 1 })
  })

  it('a detached task that its own worker never got, and whose lease has ended since, is placed again', () => {
    const script = new SubmitterScript({ attached: false })
    script.place(HOME, 'home')
    script.do(granted)
    const next = restarted(script)
    next.do({ type: 'peer-connected', peer: HOME })
    expect(names(next.say(HOME, refusal(L1, 'lease_expired')))).toContain('place')
  })
})

describe('output over a restart', () => {
  it('goes on where the log on disk ends: what was not there yet comes again, what was is skipped', () => {
    const script = running()
    script.say(WORKER, output(L1, 0, 1, 2, 3, 4))
    // Two bytes were on disk.
    const next = restarted(script, 2)
    expect(next.task.record.attempt).toMatchObject({ outputBase: 0, outputBytes: 2 })
    const [effect] = next.say(WORKER, output(L1, 0, 1, 2, 3, 4))
    expect(effect).toMatchObject({
      chunk: new Uint8Array([3, 4]),
      acknowledgement: { message: { bytes: 4 } },
    })
  })

  it('of a second attempt counts from where the first one ended', () => {
    const script = running()
    script.say(WORKER, output(L1, 0, 1, 2, 3, 4))
    script.do({ type: 'peer-lost', peer: WORKER })
    script.do({ ...granted, leaseId: L2 })
    expect(script.task.record.attempt).toMatchObject({ peer: HOME, outputBase: 4, outputBytes: 0 })
    script.say(HOME, output(L2, 0, 9, 9))
    expect(restarted(script, 6).task.record.attempt).toMatchObject({ outputBase: 4, outputBytes: 2 })
    // The end of the first attempt's output was not on disk, and was not acknowledged.
    expect(restarted(script, 3).task.record.attempt).toMatchObject({ outputBase: 3, outputBytes: 0 })
  })

  it('with a gap in it: the log is longer or shorter than what the worker counts, and still nothing comes twice', () => {
    const script = running()
    script.say(WORKER, output(L1, 0, 1, 2))
    const effects = script.say(WORKER, output(L1, 1000, 3))
    const written = effects.reduce(
      (sum, effect) => sum + (effect.type === 'output' ? effect.chunk.length : 0),
      2,
    )
    const next = restarted(script, written)
    expect(next.task.record.attempt).toMatchObject({ outputBytes: 1001 })
    expect(next.say(WORKER, output(L1, 1000, 3, 4))).toMatchObject([{ chunk: new Uint8Array([4]) }])
  })
})
