import { describe, expect, it } from 'vitest'
import { AuthorityStateMachine, unwrap } from '../../src/authority/index.ts'
import { encode, type LeaseId, logIndex } from '../../src/base/index.ts'
import { A, B, codeOf, idOf, key, Replica } from './support.ts'

/** A session of A, with everything before it stored; from now on one batch. */
function batch(): { replica: Replica; session: number } {
  const replica = Replica.withRoster()
  const session = idOf(replica.apply(A, { type: 'session.open' }).answer)
  replica.holdsChanges = true
  return { replica, session }
}

const keysOf = (replica: Replica): string[] => replica.store().map((change) => change.key)

describe('what a batch of entries writes', () => {
  it('is each record once, as it is at the end of the batch', () => {
    const { replica, session } = batch()
    const leaseId = idOf(replica.grant(A, A, '1')) as LeaseId
    for (let sequence = 1; sequence <= 10; sequence++) {
      replica.apply(A, { type: 'lease.renew', leaseId }, { session, sequence, answeredBelow: 1 })
    }
    expect(keysOf(replica)).toEqual([`lease/${leaseId}`, `session/${session}`, `answers/${session}/0`])
    replica.restart()
    expect(replica.machine.lease(leaseId)?.renewals).toBe(10)
    expect(replica.store()).toEqual([])
  })

  it('is nothing for a lease that was granted and released within it', () => {
    const { replica } = batch()
    const leaseId = idOf(replica.grant(A, A, '1')) as LeaseId
    replica.apply(A, { type: 'lease.release', leaseId })
    expect(keysOf(replica)).toEqual([])
  })

  it('is a deletion for a lease of an earlier batch, also when it was renewed before it was released', () => {
    const { replica } = batch()
    const leaseId = idOf(replica.grant(A, A, '1')) as LeaseId
    replica.store()
    replica.apply(A, { type: 'lease.renew', leaseId })
    replica.apply(A, { type: 'lease.release', leaseId })
    expect(replica.store()).toEqual([{ key: `lease/${leaseId}`, value: undefined }])
    expect(keysOf(replica)).toEqual([])
  })

  it('for one request is the session and one page of answers, whatever else is in flight', () => {
    const { replica, session } = batch()
    for (let sequence = 1; sequence <= 200; sequence++) {
      replica.apply(
        A,
        { type: 'lease.renew', leaseId: 1 as LeaseId },
        { session, sequence, answeredBelow: 1 },
      )
    }
    replica.store()
    const request = { session, sequence: 201, answeredBelow: 1 }
    replica.apply(A, { type: 'lease.renew', leaseId: 1 as LeaseId }, request)
    const changes = replica.store()
    expect(changes.map((change) => change.key)).toEqual([`session/${session}`, `answers/${session}/12`])
    expect(changes[1]?.value?.length).toBeLessThan(400)
  })
})

describe('a store that version 0.1 wrote', () => {
  const lease = {
    leaseId: 7,
    scopeKey: key('1'),
    holder: B,
    grantor: A,
    ttlMs: 5000,
    grantedUnixMs: 5,
    renewals: 2,
  }
  const answer = { ok: true, id: 7, ttlMs: 5000 }
  const refusal = { ok: false, code: 'lease.held', details: { leaseId: 7 } }
  const session = {
    lastUsed: 8,
    requester: A,
    answers: [
      { sequence: 20, answer: encode(refusal) },
      { sequence: 3, answer: encode(answer) },
    ],
    answeredBelow: 3,
  }
  const entry = {
    peer: A,
    nodeId: 'a',
    statement: new Uint8Array(1),
    signature: new Uint8Array(1),
    addresses: [],
  }
  const records = new Map([
    ['lease/7', encode(lease)],
    ['session/4', encode(session)],
    [`roster/${A}`, encode(entry)],
  ])

  function opened(): Replica {
    const replica = new Replica()
    replica.holdsChanges = true
    replica.machine = new AuthorityStateMachine({ appliedIndex: logIndex(0), records })
    for (const [name, value] of records) replica.records.set(name, value)
    return replica
  }

  it('is read: the lease lives, and what was answered is answered again', () => {
    const replica = opened()
    expect(replica.machine.leases()).toEqual([lease])
    const ask = (sequence: number) =>
      replica.apply(
        A,
        { type: 'lease.release', leaseId: 99 as LeaseId },
        { session: 4, sequence, answeredBelow: 3 },
      ).answer
    expect(unwrap(ask(3))).toEqual(answer)
    expect(ask(20)).toEqual(refusal)
    expect(codeOf(ask(2))).toBe('authority.session_expired')
    expect(codeOf(ask(4))).toBe('lease.unknown')
  })

  it('gets the form of today with the first batch, and the same state comes of both', () => {
    const replica = opened()
    const before = replica.machine.snapshot()
    expect(keysOf(replica)).toEqual(['session/4', 'answers/4/0', 'answers/4/1'])
    replica.restart()
    expect(replica.store()).toEqual([])
    expect(replica.machine.snapshot()).toEqual(before)
  })
})
