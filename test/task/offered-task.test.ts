import { describe, expect, it } from 'vitest'
import { bootMs } from '../../src/base/index.ts'
import { offerFromCancel, type StopCause, type WorkerEvent } from '../../src/task/index.ts'
import { endedBy, exited, HOME, KEY, L1, names } from './support.ts'
import { offer, WorkerScript } from './worker-script.ts'

const CONFIRMED: WorkerEvent = { type: 'lease-confirmed', sentAt: bootMs(5), ttlMs: 3000 }
const WANTED: WorkerEvent = { type: 'submitter-confirmed', sentAt: bootMs(7) }
const STARTED: WorkerEvent = { type: 'started', pid: 7 }
const CANCEL: WorkerEvent = { type: 'stop', cause: 'cancelled' }
const BACK: WorkerEvent = { type: 'submitter-connected' }
const recovered = (quiet = true, outputBytes = 0): WorkerEvent => ({ type: 'recovered', quiet, outputBytes })
const attached = () => offer({ attached_ttl_ms: 3000 })

function confirming(task = offer()): WorkerScript {
  task.do({ type: 'offered' })
  return task
}

function starting(): WorkerScript {
  const task = confirming()
  task.do(CONFIRMED)
  return task
}

function running(): WorkerScript {
  const task = starting()
  task.do(STARTED)
  return task
}

function ended(): WorkerScript {
  const task = running()
  task.do({ type: 'ended', outcome: exited(0) })
  return task
}

describe('an offer', () => {
  it('is on disk before it is accepted, and its lease is confirmed before anything starts', () => {
    const task = offer()
    expect(task.names({ type: 'offered' })).toEqual(['confirm-lease', 'journal'])
    const effects = task.do(CONFIRMED)
    expect(names(effects)).toEqual(['note', 'remote_task_ack', 'execute'])
    expect(effects.at(-1)).toMatchObject({ confirmed: { leaseSentAt: 5, submitterSentAt: undefined } })
  })

  it.each([
    [CONFIRMED, WANTED],
    [WANTED, CONFIRMED],
  ])(
    'of an attached task starts when authority and submitter have both answered, in any order',
    (one, other) => {
      const task = attached()
      expect(task.names({ type: 'offered' })).toEqual(['confirm-lease', 'ask-submitter', 'journal'])
      expect(task.names(one)).toEqual([])
      expect(task.state).toBe('confirming')
      const effects = task.do(other)
      expect(names(effects)).toEqual(['note', 'remote_task_ack', 'execute'])
      expect(effects.at(-1)).toMatchObject({ confirmed: { leaseSentAt: 5, submitterSentAt: 7 } })
    },
  )

  it('of an attached task asks its submitter again when that is back', () => {
    expect(confirming(attached()).names(BACK)).toEqual(['ask-submitter'])
    expect(confirming().names(BACK)).toEqual([])
  })

  it('counts the span from the first answer of the submitter, not from a repetition', () => {
    const task = confirming(attached())
    task.do(WANTED)
    task.do({ type: 'submitter-confirmed', sentAt: bootMs(900) })
    expect(task.do(CONFIRMED).at(-1)).toMatchObject({ confirmed: { submitterSentAt: 7 } })
    expect(task.names(WANTED)).toEqual([])
  })

  it('without a lease, which never left this node, is on disk before it starts', () => {
    expect(offer({ exec_lease_id: undefined }).names({ type: 'offered' })).toEqual([
      'journal',
      'remote_task_ack',
      'execute',
    ])
  })

  it('plans by the TTL that the authority granted, whatever the envelope says', () => {
    const task = confirming()
    task.do({ type: 'lease-confirmed', sentAt: bootMs(5), ttlMs: 1500 })
    expect(task.record.ttlMs).toBe(1500)
  })

  it('whose lease is refused starts nothing, and is only remembered', () => {
    const task = confirming()
    const effects = task.do({ type: 'lease-refused', reason: 'lease_expired', isOpen: false })
    expect(names(effects)).toEqual(['remote_task_ack', 'forget'])
    expect(effects[0]).toMatchObject({ message: { accepted: false, detail: 'lease_expired' } })
    for (const late of [CONFIRMED, STARTED, CANCEL, BACK, { type: 'offered' } as const])
      expect(task.names(late)).toEqual([])
  })

  it('whose lease got no answer gives it back, for it may have been renewed', () => {
    const refusal: WorkerEvent = { type: 'lease-refused', reason: 'lease_unavailable', isOpen: true }
    expect(confirming().names(refusal)).toEqual(['remote_task_ack', 'release-lease', 'forget'])
  })

  it('whose submitter does not answer is over without a start, and its lease is given back', () => {
    const task = confirming(attached())
    task.do(CONFIRMED)
    expect(task.names({ type: 'stop', cause: 'submitter-lost' })).toEqual([
      'run',
      'journal',
      'report',
      'release-lease',
    ])
    expect(task.record).toMatchObject({ starts: 0, outcome: { cause: 'submitter-lost', quiet: true } })
    expect(task.names(WANTED)).toEqual([])
  })

  it('that is repeated starts nothing again: the answer is what the first one came to', () => {
    expect(confirming().names({ type: 'offered' })).toEqual([])
    expect(starting().names({ type: 'offered' })).toEqual(['remote_task_ack'])
    expect(running().names({ type: 'offered' })).toEqual(['remote_task_ack', 'remote_task_started'])
    expect(ended().names({ type: 'offered' })).toEqual(['report'])
  })

  it('whose deadline passes while its lease is confirmed is not begun', () => {
    const task = confirming(offer({ deadline_unix_ms: 1500 }))
    task.pass(600)
    expect(task.names(CONFIRMED)).toEqual(['note', 'run', 'journal', 'report', 'keep-lease'])
    expect(task.record.outcome).toMatchObject({ cause: 'timeout', quiet: true })
  })
})

describe('a stop', () => {
  it('ends the execution at once: nothing waits for a disk', () => {
    const task = running()
    expect(task.names({ type: 'stop', cause: 'lease-lost' })).toEqual(['end-execution', 'note'])
    expect(task.state).toBe('ending')
  })

  it('before the start ends the attempt without one, on disk before it is said', () => {
    const task = confirming()
    const effects = task.do(CANCEL)
    expect(names(effects)).toEqual(['run', 'run', 'journal', 'report', 'release-lease'])
    expect(effects).toContainEqual(
      expect.objectContaining({
        message: expect.objectContaining({ outcome: task.record.outcome, starts: 0 }),
      }),
    )
    expect(task.names(CONFIRMED)).toEqual([])
  })

  it('while it starts ends what then starts', () => {
    const task = starting()
    expect(task.names({ type: 'stop', cause: 'lease-lost' })).toEqual(['end-execution', 'note'])
    expect(task.names(STARTED)).toEqual(['run', 'note', 'remote_task_started'])
    expect(task.state).toBe('ending')
    task.do({ type: 'ended', outcome: endedBy('cancelled') })
    expect(task.record).toMatchObject({ starts: 1, outcome: { cause: 'lease-lost' } })
  })

  it('is acknowledged only by the result, after quiet; a second one changes nothing', () => {
    const task = running()
    expect(task.names(CANCEL)).toEqual(['run', 'end-execution', 'note'])
    expect(task.names(CANCEL)).toEqual([])
    expect(task.names({ type: 'ended', outcome: endedBy('cancelled') })).toEqual([
      'run',
      'journal',
      'report',
      'release-lease',
    ])
    expect(task.names(CANCEL)).toEqual([])
  })

  it('keeps its first cause; that somebody waits for a cancel is told all the same', () => {
    const task = running()
    task.do({ type: 'stop', cause: 'lease-lost' })
    expect(task.names(CANCEL)).toEqual(['run'])
    task.do({ type: 'ended', outcome: endedBy('cancelled') })
    expect(task.record.outcome).toMatchObject({ cause: 'lease-lost' })
  })

  it('that came too late leaves a command its own result', () => {
    const task = running()
    task.do(CANCEL)
    task.do({ type: 'ended', outcome: exited(0) })
    expect(task.record.outcome).toMatchObject({ cause: 'exited', exitCode: 0 })
  })

  it.each([
    ['cancelled', 'cancelled'],
    ['lease-lost', 'lease-lost'],
    ['submitter-lost', 'submitter-lost'],
    ['given-up', 'submitter-lost'],
    ['node-stopping', 'node-stopping'],
    ['timeout', 'timeout'],
    ['deadline', 'timeout'],
    ['quarantined', 'quarantined'],
    ['drain-deadline', 'drain-deadline'],
  ] satisfies [StopCause, string][])('for %s is reported as %s', (stop, cause) => {
    const task = running()
    task.do({ type: 'stop', cause: stop })
    expect(task.restart().record.stopCause).toBe(stop)
    task.do({ type: 'ended', outcome: endedBy('cancelled') })
    expect(task.record.outcome).toMatchObject({ cause })
  })

  it('of an attempt that is not known is an end before the start: the offer that comes behind it starts nothing', () => {
    const cancel = {
      type: 'remote_task_cancel',
      idempotency_key: KEY,
      exec_lease_id: L1,
      task_id: 42,
      reason: 'cancelled_by_user',
    } as const
    const task = new WorkerScript(offerFromCancel(cancel, HOME))
    expect(task.names(CANCEL)).toEqual(['run', 'run', 'journal', 'report', 'release-lease'])
    expect(task.restart().names({ type: 'offered' })).toEqual(['report'])
  })
})

describe('an end', () => {
  it('is on disk before it is reported, and reported until it is acknowledged', () => {
    const task = running()
    expect(task.names({ type: 'ended', outcome: exited(0) })).toEqual([
      'run',
      'journal',
      'report',
      'keep-lease',
    ])
    expect(task.names(BACK)).toEqual(['report'])
    expect(task.names({ type: 'acknowledged' })).toEqual(['release-lease', 'forget'])
    expect(task.names(BACK)).toEqual([])
  })

  it('that is the task’s own keeps the lease until it is known, or for as long as it is worth waiting', () => {
    for (const outcome of [exited(0), exited(1), endedBy('timeout'), endedBy('spawn-failed')]) {
      const task = running()
      expect(task.names({ type: 'ended', outcome })).toContain('keep-lease')
      expect(task.restart().task.keepsLease).toBe(true)
      expect(task.names({ type: 'kept-long-enough' })).toEqual(['release-lease'])
      expect(task.names({ type: 'kept-long-enough' })).toEqual([])
      expect(task.names({ type: 'acknowledged' })).toEqual(['forget'])
    }
  })

  it('of the attempt alone gives the lease back at once: somebody else may run the task', () => {
    for (const cause of ['guardian-lost', 'lease-lost', 'node-stopping', 'cancelled'] as const) {
      const task = running()
      expect(task.names({ type: 'ended', outcome: endedBy(cause) })).toContain('release-lease')
      expect(task.task.keepsLease).toBe(false)
      expect(task.names({ type: 'acknowledged' })).toEqual(['forget'])
    }
  })

  it('that is not proven quiet keeps the lease, which has to run out, and says so', () => {
    const task = running()
    const effects = task.do({ type: 'ended', outcome: { ...endedBy('cancelled'), quiet: false } })
    expect(names(effects)).toEqual(['run', 'journal', 'report'])
    expect(task.record.outcome?.error).toContain('its lease has to run out')
  })

  it('comes once', () => {
    expect(ended().names({ type: 'ended', outcome: exited(1) })).toEqual([])
  })

  it('that is acknowledged leaves its key and little else', () => {
    const task = ended()
    task.do({ type: 'acknowledged' })
    expect(task.restart().record).toEqual({
      idempotencyKey: KEY,
      taskId: 42,
      submitter: HOME,
      leaseId: L1,
      starts: 1,
      endNumber: 1,
      state: 'finished',
      runs: [],
      finishedUnixMs: task.record.finishedUnixMs,
    })
  })
})

describe('a worker that was restarted', () => {
  it('reports what was under way, gives its lease back, and says what it had started', () => {
    const cut = running().restart()
    const effects = cut.do(recovered(true, 77))
    expect(names(effects)).toEqual(['run', 'journal', 'report', 'release-lease'])
    expect(effects[2]).toMatchObject({
      message: { starts: 1, outcome: { cause: 'worker-restarted', quiet: true, outputBytes: 77 } },
    })
  })

  it('keeps the lease of what it cannot prove quiet', () => {
    expect(running().restart().names(recovered(false))).toEqual(['run', 'journal', 'report'])
  })

  it('an offer that was not confirmed was not begun', () => {
    const cut = confirming().restart()
    cut.do(recovered())
    expect(cut.record).toMatchObject({ starts: 0, outcome: { cause: 'worker-restarted' } })
  })

  it('still has the result of what had ended', () => {
    const kept = ended().restart()
    expect(kept.names(recovered())).toEqual([])
    expect(kept.do(BACK)).toMatchObject([{ message: { outcome: { exitCode: 0 } } }])
  })
})

describe('the run states', () => {
  const states = (task: WorkerScript): readonly string[] => task.record.runs.map(({ state }) => state)

  it.each([
    [exited(0), 'complete'],
    [exited(1), 'error'],
    [endedBy('timeout'), 'error'],
  ])('of what ended with %o come to %s', (outcome, last) => {
    const task = running()
    task.do({ type: 'ended', outcome })
    expect(states(task)).toEqual(['start', last])
  })

  it('tell how long a cancel took, up to quiet', () => {
    const task = running()
    task.do(CANCEL)
    task.pass(40)
    const [last] = task.do({ type: 'ended', outcome: endedBy('cancelled') })
    expect(states(task)).toEqual(['start', 'cancel_requested', 'cancelled'])
    expect(last).toMatchObject({ type: 'run', change: { state: 'cancelled' }, cancelLatencyMs: 41 })
    expect(task.restart().record.runs).toEqual(task.record.runs)
  })
})
