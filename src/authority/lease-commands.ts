import { type ErrorDetails, type LeaseId, LIMITS } from '../base/index.ts'
import { type Answer, accepted, refused } from './answers.ts'
import type { ApplyContext, LeaseEnd } from './apply-context.ts'
import type { CommandOf } from './commands.ts'
import type { Lease } from './rows.ts'

export function grantLease(context: ApplyContext, command: CommandOf<'lease.grant'>): Answer {
  const { tables, proposal } = context
  const { scopeKey, holder, ttlMs } = command
  const currentId = tables.leaseOfKey.get(scopeKey)
  const current = currentId === undefined ? undefined : tables.leases.get(currentId)
  if (current?.revocation !== undefined) return cooling(current)
  if (current !== undefined) {
    return refused('lease.held', { scopeKey, holder: current.holder, leaseId: current.leaseId })
  }
  if (tables.leases.size >= LIMITS.leasesMax) {
    return refused('lease.too_many', { count: tables.leases.size, max: LIMITS.leasesMax })
  }
  if (tables.roster.get(holder) === undefined) {
    return refused('credential.invalid', { peer: holder, reason: 'the holder is not in the roster' })
  }
  const lease: Lease = {
    leaseId: context.index as number as LeaseId,
    scopeKey,
    holder,
    grantor: proposal.requester,
    ttlMs,
    grantedUnixMs: proposal.atUnixMs,
    renewals: 0,
  }
  tables.leases.put(lease.leaseId, lease)
  tables.leaseOfKey.set(scopeKey, lease.leaseId)
  context.events.push({ type: 'lease-granted', lease })
  return accepted(lease.leaseId, { ttlMs })
}

export function renewLease(context: ApplyContext, command: CommandOf<'lease.renew'>): Answer {
  const lease = context.tables.leases.get(command.leaseId)
  if (lease === undefined) return refused('lease.unknown', { leaseId: command.leaseId })
  if (lease.holder !== context.proposal.requester) return notHolder(lease)
  if (lease.revocation !== undefined) return refused('lease.revoked', revocationOf(lease))
  const renewed: Lease = { ...lease, renewals: lease.renewals + 1 }
  context.tables.leases.put(lease.leaseId, renewed)
  context.events.push({ type: 'lease-renewed', lease: renewed })
  return accepted(lease.leaseId, { ttlMs: lease.ttlMs })
}

export function releaseLease(context: ApplyContext, command: CommandOf<'lease.release'>): Answer {
  const lease = context.tables.leases.get(command.leaseId)
  if (lease === undefined) return refused('lease.unknown', { leaseId: command.leaseId })
  const { requester } = context.proposal
  const mayTakeBack = lease.grantor === requester && isUnconfirmed(lease)
  if (lease.holder !== requester && !mayTakeBack) return notHolder(lease)
  end(context, lease, 'released')
  return accepted(lease.leaseId)
}

/**
 * Who may ask is for the proposing leader to judge, who can read credentials. A lease that is cooling already goes on
 * cooling as it was; a forced revocation ends it nevertheless.
 */
export function revokeLease(context: ApplyContext, command: CommandOf<'lease.revoke'>): Answer {
  const lease = context.tables.leases.get(command.leaseId)
  if (lease === undefined) return refused('lease.unknown', { leaseId: command.leaseId })
  const { proposal } = context
  const revoked: Lease = {
    ...lease,
    revocation: {
      by: proposal.requester,
      atUnixMs: proposal.atUnixMs,
      ...(command.reason === undefined ? {} : { reason: command.reason }),
    },
  }
  if (isUnconfirmed(lease)) {
    end(context, revoked, 'revoked')
  } else if (command.force) {
    end(context, revoked, 'forced')
  } else if (lease.revocation === undefined) {
    context.tables.leases.put(lease.leaseId, revoked)
    context.events.push({ type: 'lease-revoked', lease: revoked })
  }
  return accepted(lease.leaseId)
}

/**
 * Ends the named leases, unless something happened that the proposing leader could not know: it was replaced in the
 * meantime (the entry's term is not the one it proposed in: a new leader restarted every span), or a
 * renewal was applied first.
 */
export function expireLeases(context: ApplyContext, command: CommandOf<'lease.expire'>): Answer {
  if (command.term !== context.term) return accepted()
  for (const { leaseId, renewals } of command.leases) {
    const lease = context.tables.leases.get(leaseId)
    if (lease !== undefined && lease.renewals === renewals) end(context, lease, 'expired')
  }
  return accepted()
}

/** Granted for another node that has not renewed, so that nothing executes under it, and nothing will. */
const isUnconfirmed = (lease: Lease): boolean => lease.grantor !== lease.holder && lease.renewals === 0

function end(context: ApplyContext, lease: Lease, how: LeaseEnd): void {
  context.tables.leases.delete(lease.leaseId)
  context.tables.leaseOfKey.delete(lease.scopeKey)
  context.events.push({ type: 'lease-ended', lease, how })
}

/** No clock is read here: how long it takes at most is the TTL, from the last renewal or the last change of leader. */
function cooling(lease: Lease): Answer {
  const { scopeKey, holder, leaseId, ttlMs } = lease
  return refused('lease.cooling', { scopeKey, holder, leaseId, ttlMs })
}

function revocationOf({ leaseId, revocation }: Lease): ErrorDetails {
  return { leaseId, by: revocation?.by ?? '', reason: revocation?.reason ?? 'no reason given' }
}

function notHolder(lease: Lease): Answer {
  return refused('lease.not_holder', { leaseId: lease.leaseId, holder: lease.holder })
}
