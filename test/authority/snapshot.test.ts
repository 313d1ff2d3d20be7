import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuthorityStateMachine, decodeSnapshot } from '../../src/authority/index.ts'
import {
  CodedError,
  encode,
  type LeaseId,
  LIMITS,
  logIndex,
  type PeerId,
  term,
} from '../../src/base/index.ts'
import { RandomLog, steps } from './random-log.ts'
import { A, B, C, codeOf, entryOf, idOf, key, Replica } from './support.ts'

const empty = (): AuthorityStateMachine =>
  new AuthorityStateMachine({ appliedIndex: logIndex(0), records: new Map() })

/** A replica that got the state as a snapshot and never saw the log. */
function restored(replica: Replica): AuthorityStateMachine {
  const machine = empty()
  machine.install(decodeSnapshot(replica.machine.snapshot()), replica.machine.appliedIndex)
  return machine
}

function logOf(list: Parameters<RandomLog['take']>[0][]): RandomLog {
  const log = new RandomLog()
  for (const step of list) log.take(step)
  return log
}

const failure = (work: () => unknown): CodedError | undefined => {
  try {
    work()
    return undefined
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown
    throw thrown
  }
}

describe('a snapshot of the replicated state', () => {
  it('installed elsewhere it is the state that the log makes, and goes on as the log does, for any log', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const log = logOf([...before])
        const machine = restored(log.replica)
        const start = log.replica.log.length
        for (const step of after) log.take(step)
        const answers = log.replica.log
          .slice(start)
          .map(({ data }, at) => machine.apply(logIndex(start + at + 1), term(1), data))
        expect(answers).toEqual(log.replica.applied.slice(start))
        expect(machine.snapshot()).toEqual(log.replica.machine.snapshot())
        expect(machine.appliedIndex).toBe(log.replica.machine.appliedIndex)
      }),
    )
  })

  it('has the same bytes at every replica, restarted ones and those that got it included', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const log = logOf([...before])
        log.replica.restart()
        for (const step of after) log.take(step)
        const bytes = log.replica.machine.snapshot()
        const other = empty()
        for (const [at, { data }] of log.replica.log.entries()) other.apply(logIndex(at + 1), term(1), data)
        expect(other.snapshot()).toEqual(bytes)
        expect(restored(log.replica).snapshot()).toEqual(bytes)
      }),
    )
  })

  it('holds what the store holds', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const { replica } = logOf([...list])
        expect(new Map([...decodeSnapshot(replica.machine.snapshot())].sort())).toEqual(
          new Map([...replica.records].sort()),
        )
      }),
    )
  })

  it('a repeated request gets its first answer from a replica that never saw the first one', () => {
    const replica = Replica.withRoster()
    const session = idOf(replica.apply(A, { type: 'session.open' }).answer)
    const command = { type: 'lease.grant', scopeKey: key('1'), holder: A, ttlMs: 5000 } as const
    const request = { session, sequence: 1, answeredBelow: 1 }
    const first = replica.apply(A, command, request)
    replica.apply(A, { type: 'lease.release', leaseId: idOf(first.answer) as LeaseId })
    replica.machine = restored(replica)
    expect(replica.apply(A, command, request)).toEqual({ answer: first.answer, events: [] })
    expect(replica.machine.leases()).toEqual([])
  })

  it('tells what it means: who was admitted, which leases ended, began, were renewed and revoked meanwhile', () => {
    const replica = Replica.withRoster()
    const gone = idOf(replica.grant(A, A, 'gone')) as LeaseId
    const renewed = idOf(replica.grant(A, B, 'renewed')) as LeaseId
    const revoked = idOf(replica.grant(B, B, 'revoked')) as LeaseId
    const same = idOf(replica.grant(C, C, 'same')) as LeaseId
    const behind = restored(replica)
    replica.apply(A, { type: 'lease.release', leaseId: gone })
    replica.apply(B, { type: 'lease.renew', leaseId: renewed })
    replica.apply(C, { type: 'lease.revoke', leaseId: revoked, force: false })
    const fresh = idOf(replica.grant(A, A, 'gone')) as LeaseId
    const missed = idOf(replica.grant(A, A, 'missed')) as LeaseId
    replica.apply(A, { type: 'lease.release', leaseId: missed })
    replica.invite('d', entryOf('peer-d' as PeerId, 'd'))
    const appliedIndex = replica.machine.appliedIndex
    const events = behind.install(decodeSnapshot(replica.machine.snapshot()), appliedIndex)
    expect(
      events.map((event) => ('lease' in event ? [event.type, event.lease.leaseId] : [event.type])),
    ).toEqual([
      ['peer-admitted'],
      ['lease-ended', gone],
      ['lease-renewed', renewed],
      ['lease-revoked', revoked],
      ['lease-granted', fresh],
      ['state-installed'],
    ])
    expect(events[1]).toMatchObject({ how: 'unseen' })
    expect(events.at(-1)).toEqual({ type: 'state-installed', appliedIndex })
    expect(behind.lease(same)).toBeDefined()
    expect(behind.lease(missed)).toBeUndefined()
    expect(behind.takeChanges()).toEqual([])
  })

  it('an installed state leaves no change of the replaced one to be written', () => {
    const replica = Replica.withRoster()
    const snapshot = replica.machine.snapshot()
    const { appliedIndex } = replica.machine
    replica.holdsChanges = true
    const machine = restored(replica)
    replica.machine = machine
    replica.grant(A, A, '1')
    machine.install(decodeSnapshot(snapshot), logIndex(appliedIndex + 1))
    expect(machine.takeChanges()).toEqual([])
    expect(machine.leases()).toEqual([])
  })

  it('flipped, cut or appended bytes either leave a snapshot that can be installed or are refused with a code', () => {
    const log = new RandomLog()
    for (const step of fc.sample(steps, { numRuns: 3, seed: 1 }).flat()) log.take(step)
    const good = log.replica.machine.snapshot()
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const flipped = Uint8Array.from(good)
        flipped[at] = (flipped[at] ?? 0) ^ mask
        const error = failure(() => empty().install(decodeSnapshot(flipped), logIndex(1)))
        if (error !== undefined) expect(error.code).toBe('wire.malformed')
        expect(failure(() => decodeSnapshot(good.slice(0, at)))?.code).toBe('wire.malformed')
      }),
      { numRuns: 1000 },
    )
    expect(failure(() => decodeSnapshot(Uint8Array.from([...good, 0])))?.code).toBe('wire.malformed')
  })

  it('of another version, out of order, with a record twice, of an unknown table or too large is refused', () => {
    const { machine } = Replica.withRoster()
    const records = [...decodeSnapshot(machine.snapshot())]
    const codeFor = (value: unknown) => failure(() => decodeSnapshot(encode(value)))?.code
    expect(codeFor([1, records])).toBeUndefined()
    expect(codeFor([2, records])).toBe('wire.malformed')
    expect(codeFor([1, [...records].reverse()])).toBe('wire.malformed')
    expect(codeFor([1, records.flatMap((record) => [record, record])])).toBe('wire.malformed')
    expect(codeFor([1, [['nothing/1', new Uint8Array([1])]]])).toBe('wire.malformed')
    const tooLarge = new Uint8Array(LIMITS.snapshotBytesMax + 1)
    expect(failure(() => decodeSnapshot(tooLarge))?.code).toBe('limit.exceeded')
  })

  it('a record that does not fit replaces nothing', () => {
    const replica = Replica.withRoster()
    const id = idOf(replica.grant(A, A, '1')) as LeaseId
    const { machine } = replica
    const bad = new Map([['lease/9', new Uint8Array([0])]])
    expect(failure(() => machine.install(bad, logIndex(99)))?.code).toBe('wire.malformed')
    expect(machine.lease(id)).toBeDefined()
    expect(codeOf(replica.grant(C, C, '1'))).toBe('lease.held')
  })
})
