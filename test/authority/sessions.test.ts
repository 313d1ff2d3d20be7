import { describe, expect, it } from 'vitest'
import { type LeaseId, LIMITS } from '../../src/base/index.ts'
import { A, B, codeOf, idOf, key, Replica } from './support.ts'

const open = (replica: Replica, by = A): number => idOf(replica.apply(by, { type: 'session.open' }).answer)

describe('requests repeated by a client', () => {
  it('a repeated grant is one grant: it gets the first answer and changes nothing', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const command = { type: 'lease.grant', scopeKey: key('1'), holder: A, ttlMs: 5000 } as const
    const first = replica.apply(A, command, { session, sequence: 1, answeredBelow: 1 })
    const again = replica.apply(A, command, { session, sequence: 1, answeredBelow: 1 })
    expect(again.answer).toEqual(first.answer)
    expect(again.events).toEqual([])
    expect(replica.machine.leases()).toHaveLength(1)
  })

  it('a repeated request gets the first answer also after a restart and after the lease has ended', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const command = { type: 'lease.grant', scopeKey: key('1'), holder: A, ttlMs: 5000 } as const
    const first = replica.apply(A, command, { session, sequence: 1, answeredBelow: 1 })
    replica.apply(A, { type: 'lease.release', leaseId: idOf(first.answer) as LeaseId })
    replica.restart()
    expect(replica.apply(A, command, { session, sequence: 1, answeredBelow: 1 }).answer).toEqual(first.answer)
    expect(replica.machine.leases()).toEqual([])
  })

  it('a refusal is remembered as well', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const id = idOf(replica.grant(B, B, '1')) as LeaseId
    const command = { type: 'lease.grant', scopeKey: key('1'), holder: A, ttlMs: 5000 } as const
    const request = { session, sequence: 1, answeredBelow: 1 }
    expect(codeOf(replica.apply(A, command, request).answer)).toBe('lease.held')
    replica.apply(B, { type: 'lease.release', leaseId: id })
    expect(codeOf(replica.apply(A, command, request).answer)).toBe('lease.held')
  })

  it('answers that have arrived are forgotten, and what they answered is refused, not executed again', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const grant = (sequence: number, answeredBelow: number) =>
      replica.apply(
        A,
        { type: 'lease.grant', scopeKey: key(String(sequence)), holder: A, ttlMs: 5000 },
        { session, sequence, answeredBelow },
      ).answer
    grant(1, 1)
    grant(2, 2)
    expect(codeOf(grant(1, 1))).toBe('authority.session_expired')
  })

  it('a session belongs to its requester, and an unknown one is refused', () => {
    const replica = Replica.withRoster()
    const session = open(replica, B)
    const command = { type: 'lease.grant', scopeKey: key('1'), holder: A, ttlMs: 5000 } as const
    const request = { session, sequence: 1, answeredBelow: 1 }
    expect(codeOf(replica.apply(A, command, request).answer)).toBe('authority.session_expired')
    expect(codeOf(replica.apply(A, command, { ...request, session: 999 }).answer)).toBe(
      'authority.session_expired',
    )
  })

  it('at the limit the session that was unused for longest is forgotten', () => {
    const replica = Replica.withRoster()
    const first = open(replica)
    const second = open(replica)
    const renew = (session: number, sequence: number) =>
      codeOf(
        replica.apply(
          A,
          { type: 'lease.renew', leaseId: 1 as LeaseId },
          { session, sequence, answeredBelow: sequence },
        ).answer,
      )
    expect(renew(first, 1)).toBe('lease.unknown')
    for (let count = 2; count < LIMITS.sessionsMax + 1; count++) open(replica)
    expect(renew(second, 1)).toBe('authority.session_expired')
    expect(renew(first, 2)).toBe('lease.unknown')
  })

  it('also after a restart, and after a restart that happened before its last use', () => {
    const replica = Replica.withRoster()
    const [first, second, third] = [open(replica), open(replica), open(replica)]
    const renew = (session: number, sequence: number) =>
      codeOf(
        replica.apply(
          A,
          { type: 'lease.renew', leaseId: 1 as LeaseId },
          { session, sequence, answeredBelow: sequence },
        ).answer,
      )
    renew(first, 1)
    replica.restart()
    renew(second, 1)
    for (let count = 3; count < LIMITS.sessionsMax + 1; count++) open(replica)
    replica.restart()
    expect(renew(third, 1)).toBe('authority.session_expired')
    open(replica)
    expect(renew(first, 2)).toBe('authority.session_expired')
    expect(renew(second, 2)).toBe('lease.unknown')
  })

  it('answers are forgotten as the client says that they have arrived, in whatever order they came', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const ask = (sequence: number, answeredBelow: number) =>
      codeOf(
        replica.apply(A, { type: 'lease.renew', leaseId: 1 as LeaseId }, { session, sequence, answeredBelow })
          .answer,
      )
    const answers = () => [...replica.records.keys()].filter((name) => name.startsWith('answers/')).length
    for (const sequence of [40, 1, 17, 16, 33, 2]) expect(ask(sequence, 1)).toBe('lease.unknown')
    expect(answers()).toBe(3)
    expect(ask(41, 34)).toBe('lease.unknown')
    expect(answers()).toBe(1)
    expect(ask(33, 34)).toBe('authority.session_expired')
    expect(ask(40, 34)).toBe('lease.unknown')
    expect(ask(10 ** 15, 10 ** 15)).toBe('lease.unknown')
    expect(answers()).toBe(1)
    expect(ask(41, 34)).toBe('authority.session_expired')
  })

  it('with too many answers for all clients together, the longest unused session is forgotten, and never its user', () => {
    const replica = Replica.withRoster()
    replica.holdsChanges = true
    const fill = (session: number): void => {
      for (let sequence = 1; sequence <= LIMITS.sessionInFlightMax; sequence++) {
        replica.apply(
          A,
          { type: 'lease.renew', leaseId: 1 as LeaseId },
          { session, sequence, answeredBelow: 1 },
        )
      }
    }
    const full = LIMITS.answersRememberedMax / LIMITS.sessionInFlightMax
    const sessions = Array.from({ length: full + 1 }, () => open(replica))
    const [first = 0, second = 0] = sessions
    for (const session of sessions.slice(0, full)) fill(session)
    const again = (session: number) =>
      codeOf(
        replica.apply(
          A,
          { type: 'lease.release', leaseId: 1 as LeaseId },
          { session, sequence: 1, answeredBelow: 1 },
        ).answer,
      )
    expect(again(first)).toBe('lease.unknown')
    replica.store()
    replica.restart()
    fill(sessions[full] ?? 0)
    expect(again(first)).toBe('authority.session_expired')
    expect(again(second)).toBe('lease.unknown')
    replica.store()
    const remembered = [...replica.records.keys()].filter((name) => name.startsWith('answers/'))
    expect(remembered.filter((name) => name.startsWith(`answers/${first}/`))).toEqual([])
    expect(remembered).toHaveLength(full * (LIMITS.sessionInFlightMax / 16 + 1))
  })

  it('a client with too much in flight is refused', () => {
    const replica = Replica.withRoster()
    const session = open(replica)
    const request = { session, sequence: LIMITS.sessionInFlightMax + 1, answeredBelow: 1 }
    expect(codeOf(replica.apply(A, { type: 'lease.renew', leaseId: 1 as LeaseId }, request).answer)).toBe(
      'authority.overloaded',
    )
  })
})
