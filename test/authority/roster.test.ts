import { describe, expect, it } from 'vitest'
import { decodeRosterEntry } from '../../src/authority/index.ts'
import { LIMITS, type PeerId, unixMs } from '../../src/base/index.ts'
import { A, codeOf, entryOf, Replica } from './support.ts'

const D = 'peer-d' as PeerId

function invite(replica: Replica, inviteId: string, expiresUnixMs = 2_000_000): string {
  const derivedKey = new Uint8Array([7])
  return codeOf(
    replica.apply(A, { type: 'invite.create', inviteId, derivedKey, expiresUnixMs: unixMs(expiresUnixMs) })
      .answer,
  )
}

describe('invites and roster', () => {
  it('an invite admits one machine', () => {
    const replica = Replica.withRoster()
    invite(replica, 'i')
    const applied = replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: entryOf(D, 'd') })
    expect(applied.events).toMatchObject([{ type: 'peer-admitted' }])
    expect(replica.machine.rosterEntry(D)?.nodeId).toBe('d')
    const other = replica.apply(A, {
      type: 'roster.admit',
      inviteId: 'i',
      entry: entryOf('peer-e' as PeerId, 'e'),
    })
    expect(codeOf(other.answer)).toBe('enrol.invite_used')
  })

  it('the same machine may ask again and gets the credential of the first time', () => {
    const replica = Replica.withRoster()
    invite(replica, 'i')
    replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: entryOf(D, 'd') })
    const second = { ...entryOf(D, 'd'), signature: new Uint8Array([99]) }
    const { answer, events } = replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: second })
    expect(events).toEqual([])
    expect(answer.ok && answer.data !== undefined && decodeRosterEntry(answer.data)).toEqual(entryOf(D, 'd'))
  })

  it('an unknown, an expired invite and a taken node id are refused, and a refusal does not use the invite up', () => {
    const replica = Replica.withRoster()
    expect(
      codeOf(replica.apply(A, { type: 'roster.admit', inviteId: 'x', entry: entryOf(D, 'd') }).answer),
    ).toBe('enrol.invite_unknown')
    invite(replica, 'i')
    expect(
      codeOf(replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: entryOf(D, 'b') }).answer),
    ).toBe('enrol.node_id_taken')
    replica.wallMs = 2_000_000
    expect(
      codeOf(replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: entryOf(D, 'd') }).answer),
    ).toBe('enrol.invite_expired')
    replica.wallMs = 1_999_999
    expect(
      codeOf(replica.apply(A, { type: 'roster.admit', inviteId: 'i', entry: entryOf(D, 'd') }).answer),
    ).toBe('ok')
  })

  it('open invites are limited, expired ones make room', () => {
    const replica = Replica.withRoster()
    for (let count = 2; count < LIMITS.invitesMax; count++) expect(invite(replica, `i${count}`)).toBe('ok')
    expect(invite(replica, 'one-more')).toBe('limit.exceeded')
    replica.wallMs = 2_000_000
    expect(invite(replica, 'one-more', 3_000_000)).toBe('ok')
  })

  it('a scope is founded once', () => {
    const replica = Replica.withRoster()
    expect(codeOf(replica.apply(A, { type: 'roster.found', entry: entryOf(D, 'd') }).answer)).toBe('internal')
  })
})
