import { describe, expect, it } from 'vitest'
import type { LeaseId } from '../../src/base/index.ts'
import { A, B, C, codeOf, idOf, key, Replica } from './support.ts'

/** A lease of B, granted at A's request, that B has confirmed. */
function confirmed(): { replica: Replica; leaseId: LeaseId } {
  const replica = Replica.withRoster()
  const leaseId = idOf(replica.grant(A, B, '1')) as LeaseId
  replica.apply(B, { type: 'lease.renew', leaseId })
  return { replica, leaseId }
}

const revoke = (replica: Replica, leaseId: LeaseId, force = false, reason?: string) =>
  replica.apply(C, { type: 'lease.revoke', leaseId, force, ...(reason === undefined ? {} : { reason }) })

describe('a lease that is taken back', () => {
  it('cools: it stays live, its holder is told and cannot renew it, and the record says who and why', () => {
    const { replica, leaseId } = confirmed()
    const { answer, events } = revoke(replica, leaseId, false, 'quarantine')
    expect(codeOf(answer)).toBe('ok')
    const revocation = { by: C, atUnixMs: replica.wallMs, reason: 'quarantine' }
    expect(events).toMatchObject([{ type: 'lease-revoked', lease: { leaseId, holder: B, revocation } }])
    expect(replica.machine.lease(leaseId)?.revocation).toEqual(revocation)
    const renewal = replica.apply(B, { type: 'lease.renew', leaseId })
    expect(renewal.answer).toEqual({
      ok: false,
      code: 'lease.revoked',
      details: { leaseId, by: C, reason: 'quarantine' },
    })
    expect(renewal.events).toEqual([])
  })

  it('while it cools nobody else gets the key, and is told whose it is and for how long at most', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId)
    expect(replica.grant(C, C, '1')).toEqual({
      ok: false,
      code: 'lease.cooling',
      details: { scopeKey: key('1'), holder: B, leaseId, ttlMs: 5000 },
    })
  })

  it('the key is free when the holder has proved quiet and releases', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId)
    const { events } = replica.apply(B, { type: 'lease.release', leaseId })
    expect(events).toMatchObject([{ type: 'lease-ended', how: 'released' }])
    expect(codeOf(replica.grant(C, C, '1'))).toBe('ok')
  })

  it('the key is free when the span has passed: the revocation does not lengthen it', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId)
    const { events } = replica.apply(A, { type: 'lease.expire', term: 1, leases: [{ leaseId, renewals: 1 }] })
    expect(events).toMatchObject([{ type: 'lease-ended', how: 'expired' }])
    expect(codeOf(replica.grant(C, C, '1'))).toBe('ok')
  })

  it('the grantor cannot release a cooling lease: only its holder knows whether it is quiet', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId)
    expect(codeOf(replica.apply(A, { type: 'lease.release', leaseId }).answer)).toBe('lease.not_holder')
  })

  it('revoked twice it goes on cooling as it was, without another event', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId, false, 'first')
    const again = revoke(replica, leaseId, false, 'second')
    expect(codeOf(again.answer)).toBe('ok')
    expect(again.events).toEqual([])
    expect(replica.machine.lease(leaseId)?.revocation?.reason).toBe('first')
  })

  it('by force it ends at once, and the event says that single ownership was waived, and by whom', () => {
    const { replica, leaseId } = confirmed()
    const { events } = revoke(replica, leaseId, true, 'the machine burnt')
    expect(events).toMatchObject([
      {
        type: 'lease-ended',
        how: 'forced',
        lease: { leaseId, revocation: { by: C, reason: 'the machine burnt' } },
      },
    ])
    expect(codeOf(replica.apply(B, { type: 'lease.renew', leaseId }).answer)).toBe('lease.unknown')
    const next = replica.grant(C, C, '1')
    expect(idOf(next)).toBeGreaterThan(leaseId)
  })

  it('a cooling lease can be ended by force', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId)
    expect(revoke(replica, leaseId, true).events).toMatchObject([{ type: 'lease-ended', how: 'forced' }])
    expect(replica.machine.leases()).toEqual([])
  })

  it('one that its holder has not confirmed ends at once, with or without force, and nothing is waived', () => {
    for (const force of [false, true]) {
      const replica = Replica.withRoster()
      const leaseId = idOf(replica.grant(A, B, '1')) as LeaseId
      expect(revoke(replica, leaseId, force).events).toMatchObject([{ type: 'lease-ended', how: 'revoked' }])
      expect(codeOf(replica.apply(B, { type: 'lease.renew', leaseId }).answer)).toBe('lease.unknown')
    }
  })

  it('one that its holder asked for itself counts as begun from the grant on', () => {
    const replica = Replica.withRoster()
    const leaseId = idOf(replica.grant(B, B, '1')) as LeaseId
    expect(revoke(replica, leaseId).events).toMatchObject([{ type: 'lease-revoked' }])
    expect(codeOf(replica.grant(C, C, '1'))).toBe('lease.cooling')
  })

  it('one that has ended is unknown', () => {
    const { replica, leaseId } = confirmed()
    replica.apply(B, { type: 'lease.release', leaseId })
    expect(codeOf(revoke(replica, leaseId).answer)).toBe('lease.unknown')
  })

  it('a repeated request is one revocation, also after the lease has ended and the key was granted again', () => {
    const { replica, leaseId } = confirmed()
    const session = idOf(replica.apply(C, { type: 'session.open' }).answer)
    const command = { type: 'lease.revoke', leaseId, force: true } as const
    const request = { session, sequence: 1, answeredBelow: 1 }
    const first = replica.apply(C, command, request)
    const next = idOf(replica.grant(A, A, '1'))
    const again = replica.apply(C, command, request)
    expect(again).toEqual({ answer: first.answer, events: [] })
    expect(replica.machine.leases().map((lease) => lease.leaseId)).toEqual([next])
  })

  it('it cools on after a restart', () => {
    const { replica, leaseId } = confirmed()
    revoke(replica, leaseId, false, 'quarantine')
    const before = replica.machine.lease(leaseId)
    replica.restart()
    expect(replica.machine.lease(leaseId)).toEqual(before)
    expect(codeOf(replica.grant(C, C, '1'))).toBe('lease.cooling')
  })
})
