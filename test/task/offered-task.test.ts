import { describe, expect, it } from 'vitest'
import { bootMs, CodedError, encode } from '../../src/base/index.ts'
import {
  decodeOfferRecord,
  decodeTaskMessage,
  encodeOfferRecord,
  encodeTaskMessage,
  OfferedTask,
  offerFromEnvelope,
} from '../../src/task/index.ts'
import { endedBy, envelope, exited, HOME, L1, names, offer } from './support.ts'

function running(): OfferedTask {
  const task = offer()
  task.handle({ type: 'offered' })
  task.handle({ type: 'lease-confirmed', sentAt: bootMs(5), ttlMs: 3000 })
  task.handle({ type: 'started', pid: 7 })
  return task
}

describe('an offered task', () => {
  it('confirms its lease before anything starts', () => {
    const task = offer()
    expect(names(task.handle({ type: 'offered' }))).toEqual(['journal', 'confirm-lease'])
    const confirmed = task.handle({ type: 'lease-confirmed', sentAt: bootMs(5), ttlMs: 3000 })
    expect(names(confirmed)).toEqual(['journal', 'remote_task_ack', 'execute'])
    expect(confirmed.at(-1)).toEqual({ type: 'execute', leaseSentAt: 5 })
  })

  it('plans by the TTL that the authority granted, whatever the envelope says', () => {
    const task = offer()
    task.handle({ type: 'offered' })
    task.handle({ type: 'lease-confirmed', sentAt: bootMs(5), ttlMs: 1500 })
    expect(task.record.ttlMs).toBe(1500)
  })

  it('starts nothing when the lease cannot be confirmed', () => {
    const task = offer()
    task.handle({ type: 'offered' })
    const effects = task.handle({ type: 'lease-refused', reason: 'lease_expired' })
    expect(names(effects)).toEqual(['remote_task_ack', 'forget'])
    expect(effects[0]).toMatchObject({ message: { accepted: false, detail: 'lease_expired' } })
  })

  it.each(['quarantined', 'drain-deadline'] as const)(
    'what an admin order ends reports %s, and gives the lease back when it is quiet',
    (cause) => {
      const task = running()
      expect(names(task.handle({ type: 'stop', cause }))).toEqual(['journal', 'end-execution'])
      const effects = task.handle({ type: 'ended', outcome: endedBy('cancelled') })
      expect(names(effects)).toEqual(['journal', 'release-lease', 'remote_task_result'])
      expect(task.record.outcome).toMatchObject({ cause })
      expect(decodeOfferRecord(encodeOfferRecord(task.record))).toEqual(task.record)
    },
  )

  it('an offer that is repeated while it runs starts nothing again', () => {
    expect(names(running().handle({ type: 'offered' }))).toEqual(['remote_task_ack'])
  })

  it('journals the result, gives the lease back and reports, in this order, until it is acknowledged', () => {
    const task = running()
    expect(names(task.handle({ type: 'ended', outcome: exited(0) }))).toEqual([
      'journal',
      'release-lease',
      'remote_task_result',
    ])
    expect(names(task.handle({ type: 'submitter-connected' }))).toEqual(['remote_task_result'])
    expect(names(task.handle({ type: 'acknowledged' }))).toEqual(['forget'])
  })

  it('says again that it runs when its submitter is back, so that one that gave up can cancel it', () => {
    expect(running().handle({ type: 'submitter-connected' })).toMatchObject([
      { type: 'send', message: { type: 'remote_task_started', pid: 7 } },
    ])
  })

  it('keeps the lease when it cannot prove quiet: then it must run out', () => {
    const task = running()
    const effects = task.handle({ type: 'ended', outcome: { ...endedBy('cancelled'), quiet: false } })
    expect(names(effects)).toEqual(['journal', 'remote_task_result'])
  })

  it('a stopped execution reports why it was stopped', () => {
    const task = running()
    expect(names(task.handle({ type: 'stop', cause: 'lease-lost' }))).toEqual(['journal', 'end-execution'])
    expect(names(task.handle({ type: 'stop', cause: 'cancelled' }))).toEqual([])
    const effects = task.handle({ type: 'ended', outcome: endedBy('cancelled') })
    expect(effects.at(-1)).toMatchObject({ message: { outcome: { cause: 'lease-lost' }, success: false } })
  })

  it('a stop before the start ends it without one', () => {
    const task = offer()
    task.handle({ type: 'offered' })
    const effects = task.handle({ type: 'stop', cause: 'cancelled' })
    expect(effects.at(-1)).toMatchObject({ message: { outcome: { cause: 'cancelled' }, starts: 0 } })
    expect(names(task.handle({ type: 'lease-confirmed', sentAt: bootMs(1), ttlMs: 3000 }))).toEqual([])
  })

  it('a command that ended by itself just before it was stopped keeps its own result', () => {
    const task = running()
    task.handle({ type: 'stop', cause: 'cancelled' })
    const effects = task.handle({ type: 'ended', outcome: exited(0) })
    expect(effects.at(-1)).toMatchObject({ message: { outcome: { cause: 'exited', exitCode: 0 } } })
  })

  it('after a restart of the worker an unfinished attempt is over, a finished one still has its result', () => {
    const cut = new OfferedTask(decodeOfferRecord(encodeOfferRecord(running().record)))
    expect(names(cut.handle({ type: 'recovered' }))).toEqual([
      'journal',
      'release-lease',
      'remote_task_result',
    ])
    const done = running()
    done.handle({ type: 'ended', outcome: exited(4) })
    const kept = new OfferedTask(decodeOfferRecord(encodeOfferRecord(done.record)))
    expect(kept.handle({ type: 'recovered' })).toEqual([])
    const [again] = kept.handle({ type: 'submitter-connected' })
    expect(again).toMatchObject({ message: { outcome: { exitCode: 4 } } })
  })
})

describe('task messages', () => {
  it('come back as they were', () => {
    expect(decodeTaskMessage(encodeTaskMessage(envelope(L1)))).toEqual(envelope(L1))
  })

  it('of an unknown type, malformed, or with a payload that holds no command are refused by code', () => {
    const codeOf = (work: () => unknown): string => {
      try {
        work()
      } catch (thrown) {
        return thrown instanceof CodedError ? thrown.code : String(thrown)
      }
      return 'accepted'
    }
    expect(codeOf(() => decodeTaskMessage(encode({ type: 'remote_task_dance' })))).toBe('wire.unknown_type')
    expect(codeOf(() => decodeTaskMessage(encode({ type: 'remote_task_cancel' })))).toBe('wire.malformed')
    expect(codeOf(() => decodeTaskMessage(new Uint8Array([0xff, 0x00])))).toBe('wire.malformed')
    for (const payload of ['', '{', '{}', '{"task_description":"x","command":{"argv":[],"env":{}}}']) {
      expect(codeOf(() => offerFromEnvelope({ ...envelope(L1), payload }, HOME))).toBe('wire.malformed')
    }
  })
})
