import fc from 'fast-check'
import type { AuthorityCommand, Proposal } from '../../src/authority/commands.ts'
import { type LeaseId, type PeerId, unixMs } from '../../src/base/index.ts'
import { A, B, C, entryOf, key, Replica } from './support.ts'

/** One step of a random log. Ids of leases and sessions are places in the list of those granted and opened so far. */
export interface Step {
  readonly requester: PeerId
  readonly command: (replica: RandomLog) => AuthorityCommand
  readonly request?: { readonly session: number; readonly sequence: number; readonly answeredBelow: number }
}

/** A replica that is fed random steps. */
export class RandomLog {
  readonly replica = Replica.withRoster()
  private readonly leases: number[] = []
  private readonly sessions: { readonly id: number; readonly by: PeerId }[] = []

  lease(place: number): LeaseId {
    return (this.leases[place % Math.max(1, this.leases.length)] ?? 1) as LeaseId
  }

  take({ requester, command, request }: Step): void {
    const made = command(this)
    const session = this.sessions[(request?.session ?? 0) % Math.max(1, this.sessions.length)]
    const isDeduplicated = made.type !== 'session.open' && made.type !== 'lease.expire'
    const id: Proposal['request'] =
      request === undefined || session === undefined || !isDeduplicated
        ? undefined
        : { ...request, session: session.id }
    const by = id === undefined ? requester : (session?.by ?? requester)
    const { answer, events } = this.replica.apply(by, made, id)
    for (const event of events) if (event.type === 'lease-granted') this.leases.push(event.lease.leaseId)
    if (answer.ok && made.type === 'session.open') this.sessions.push({ id: answer.id, by })
  }
}

const place = fc.nat({ max: 30 })
const command: fc.Arbitrary<Step['command']> = fc.oneof(
  fc
    .record({ name: fc.nat({ max: 5 }), holder: fc.constantFrom(A, B, C) })
    .map(({ name, holder }): Step['command'] => () => ({
      type: 'lease.grant',
      scopeKey: key(String(name)),
      holder,
      ttlMs: 5000,
    })),
  place.map((at): Step['command'] => (log) => ({ type: 'lease.renew', leaseId: log.lease(at) })),
  place.map((at): Step['command'] => (log) => ({ type: 'lease.release', leaseId: log.lease(at) })),
  fc
    .record({ at: place, force: fc.boolean(), isExplained: fc.boolean() })
    .map(({ at, force, isExplained }): Step['command'] => (log) => ({
      type: 'lease.revoke',
      leaseId: log.lease(at),
      force,
      ...(isExplained ? { reason: 'so be it' } : {}),
    })),
  fc
    .record({ at: place, renewals: fc.nat({ max: 2 }) })
    .map(({ at, renewals }): Step['command'] => (log) => ({
      type: 'lease.expire',
      term: 1,
      leases: [{ leaseId: log.lease(at), renewals }],
    })),
  fc.constant<Step['command']>(() => ({ type: 'session.open' })),
  fc.nat({ max: 4 }).map((name): Step['command'] => () => ({
    type: 'invite.create',
    inviteId: `i${name}`,
    derivedKey: new Uint8Array([name]),
    expiresUnixMs: unixMs(1_000_000 + name),
  })),
  fc.nat({ max: 4 }).map((name): Step['command'] => () => ({
    type: 'roster.admit',
    inviteId: `i${name}`,
    entry: entryOf(`peer-${name}` as PeerId, `n${name}`),
  })),
)

const sequence = fc.integer({ min: 1, max: 60 })

export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record(
    {
      requester: fc.constantFrom(A, B, C),
      command,
      request: fc.record({ session: fc.nat({ max: 3 }), sequence, answeredBelow: sequence }),
    },
    { requiredKeys: ['requester', 'command'] },
  ),
  { maxLength: 80 },
)
