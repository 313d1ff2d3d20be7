/**
 * What it means to a node that its state was replaced by that of a snapshot: the difference between what it knew and what
 * holds now, as the events that applying the missed entries would have caused. What began and ended in between leaves no
 * trace; `state-installed` tells those who wait for such a thing to look it up.
 */
import type { LogIndex } from '../base/index.ts'
import type { AuthorityEvent } from './apply-context.ts'
import { encodeRosterEntry, type RosterEntry } from './commands.ts'
import type { Lease } from './rows.ts'
import type { Tables } from './tables.ts'

export function differences(
  before: Tables,
  after: Tables,
  appliedIndex: LogIndex,
): readonly AuthorityEvent[] {
  return [
    ...admissions(before, after),
    ...ends(before, after),
    ...[...after.leases.values()]
      .sort(byId)
      .flatMap((lease) => news(before.leases.get(lease.leaseId), lease)),
    { type: 'state-installed', appliedIndex },
  ]
}

function admissions(before: Tables, after: Tables): AuthorityEvent[] {
  return [...after.roster.values()]
    .filter((entry) => !isSame(before.roster.get(entry.peer), entry))
    .sort((left, right) => (left.peer < right.peer ? -1 : 1))
    .map((entry) => ({ type: 'peer-admitted', entry }))
}

function ends(before: Tables, after: Tables): AuthorityEvent[] {
  return [...before.leases.values()]
    .filter(({ leaseId }) => after.leases.get(leaseId) === undefined)
    .sort(byId)
    .map((lease) => ({ type: 'lease-ended', lease, how: 'unseen' }))
}

function news(known: Lease | undefined, lease: Lease): AuthorityEvent[] {
  const isRevoked = lease.revocation !== undefined && known?.revocation === undefined
  const began: AuthorityEvent[] = known === undefined ? [{ type: 'lease-granted', lease }] : []
  const renewed: AuthorityEvent[] =
    known !== undefined && known.renewals < lease.renewals ? [{ type: 'lease-renewed', lease }] : []
  return [...began, ...renewed, ...(isRevoked ? [{ type: 'lease-revoked', lease } as const] : [])]
}

const byId = (left: Lease, right: Lease): number => left.leaseId - right.leaseId

function isSame(known: RosterEntry | undefined, entry: RosterEntry): boolean {
  if (known === undefined) return false
  const [left, right] = [encodeRosterEntry(known), encodeRosterEntry(entry)]
  return left.length === right.length && left.every((byte, at) => byte === right[at])
}
