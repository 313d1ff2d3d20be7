import { describe, expect, it } from 'vitest'
import type { LeaseId } from '../../src/base/index.ts'
import { A, B, C, codeOf, idOf, key, Replica } from './support.ts'

const lease = (id: number): LeaseId => id as LeaseId

describe('leases in the replicated state machine', () => {
  it('a lease id is the index of the grant entry, so tokens rise and never repeat', () => {
    const replica = Replica.withRoster()
    const first = idOf(replica.grant(A, A, '1'))
    expect(first).toBe(replica.log.length)
    replica.apply(A, { type: 'lease.release', leaseId: lease(first) })
    const second = idOf(replica.grant(A, A, '1'))
    expect(second).toBeGreaterThan(first)
  })

  it('a scope key has one live lease: a second grant is refused and names holder and lease', () => {
    const replica = Replica.withRoster()
    const id = idOf(replica.grant(A, B, '1'))
    const answer = replica.grant(C, C, '1')
    expect(answer).toEqual({
      ok: false,
      code: 'lease.held',
      details: { scopeKey: key('1'), holder: B, leaseId: id },
    })
    expect(codeOf(replica.grant(C, C, '2'))).toBe('ok')
  })

  it('a lease is granted only to a holder of the roster', () => {
    const replica = Replica.withRoster()
    expect(codeOf(replica.grant(A, 'peer-x' as never, '1'))).toBe('credential.invalid')
  })

  it('only the holder renews', () => {
    const replica = Replica.withRoster()
    const id = lease(idOf(replica.grant(A, B, '1')))
    expect(codeOf(replica.apply(A, { type: 'lease.renew', leaseId: id }).answer)).toBe('lease.not_holder')
    expect(codeOf(replica.apply(B, { type: 'lease.renew', leaseId: id }).answer)).toBe('ok')
    expect(replica.machine.lease(id)?.renewals).toBe(1)
  })

  it('grant and renewal tell the TTL, by which the holder plans', () => {
    const replica = Replica.withRoster()
    const granted = replica.grant(A, B, '1', 4000)
    expect(granted).toMatchObject({ ok: true, ttlMs: 4000 })
    const renewed = replica.apply(B, { type: 'lease.renew', leaseId: lease(idOf(granted)) })
    expect(renewed.answer).toMatchObject({ ok: true, ttlMs: 4000 })
  })

  it('the grantor takes a lease back while its holder has not confirmed it, and the late confirmation fails', () => {
    const replica = Replica.withRoster()
    const id = lease(idOf(replica.grant(A, B, '1')))
    expect(codeOf(replica.apply(A, { type: 'lease.release', leaseId: id }).answer)).toBe('ok')
    expect(codeOf(replica.apply(B, { type: 'lease.renew', leaseId: id }).answer)).toBe('lease.unknown')
  })

  it('a confirmed lease ends only by its holder or by expiry: the grantor cannot take it back', () => {
    const replica = Replica.withRoster()
    const id = lease(idOf(replica.grant(A, B, '1')))
    replica.apply(B, { type: 'lease.renew', leaseId: id })
    expect(codeOf(replica.apply(A, { type: 'lease.release', leaseId: id }).answer)).toBe('lease.not_holder')
    expect(codeOf(replica.apply(B, { type: 'lease.release', leaseId: id }).answer)).toBe('ok')
    expect(replica.machine.leases()).toEqual([])
  })

  it('a stale leader cannot expire: an expiry that names another term than its entry changes nothing', () => {
    const replica = Replica.withRoster()
    const id = lease(idOf(replica.grant(A, A, '1')))
    replica.term = 2
    replica.apply(A, { type: 'lease.expire', term: 1, leases: [{ leaseId: id, renewals: 0 }] })
    expect(replica.machine.lease(id)).toBeDefined()
    const { events } = replica.apply(A, {
      type: 'lease.expire',
      term: 2,
      leases: [{ leaseId: id, renewals: 0 }],
    })
    expect(events).toMatchObject([{ type: 'lease-ended', how: 'expired' }])
    expect(replica.machine.lease(id)).toBeUndefined()
  })

  it('an expiry that was proposed before a renewal was applied does not end the renewed lease', () => {
    const replica = Replica.withRoster()
    const id = lease(idOf(replica.grant(A, A, '1')))
    replica.apply(A, { type: 'lease.renew', leaseId: id })
    replica.apply(A, { type: 'lease.expire', term: 1, leases: [{ leaseId: id, renewals: 0 }] })
    expect(replica.machine.lease(id)).toBeDefined()
  })

  it('the state after a restart is the state before it: live leases still exclude others', () => {
    const replica = Replica.withRoster()
    const id = idOf(replica.grant(A, B, '1'))
    replica.restart()
    expect(replica.machine.leases().map(({ leaseId }) => leaseId)).toEqual([id])
    expect(codeOf(replica.grant(C, C, '1'))).toBe('lease.held')
  })
})
