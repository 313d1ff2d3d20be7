import { LIMITS } from '../base/index.ts'
import { type Answer, accepted, refused } from './answers.ts'
import type { ApplyContext } from './apply-context.ts'
import { type CommandOf, encodeRosterEntry, type RosterEntry } from './commands.ts'

export function createInvite(context: ApplyContext, command: CommandOf<'invite.create'>): Answer {
  const { tables, proposal } = context
  for (const [key, invite] of [...tables.invites.entries()]) {
    if (invite.expiresUnixMs <= proposal.atUnixMs) tables.invites.delete(key)
  }
  if (tables.invites.size >= LIMITS.invitesMax) {
    return refused('limit.exceeded', {
      what: 'number of open invites',
      got: tables.invites.size + 1,
      max: LIMITS.invitesMax,
    })
  }
  const { inviteId, derivedKey, expiresUnixMs } = command
  tables.invites.put(inviteId, { inviteId, derivedKey, expiresUnixMs })
  return accepted()
}

/**
 * Uses up an invite for one peer. The same peer may ask again with the same invite (its first answer was lost): it gets
 * the entry that was admitted the first time.
 */
export function admitPeer(context: ApplyContext, command: CommandOf<'roster.admit'>): Answer {
  const { tables, proposal } = context
  const { entry, inviteId } = command
  const invite = tables.invites.get(inviteId)
  if (invite === undefined) return refused('enrol.invite_unknown')
  if (invite.usedBy !== undefined) {
    const admitted = tables.roster.get(entry.peer)
    if (invite.usedBy !== entry.peer || admitted === undefined) return refused('enrol.invite_used')
    return accepted(0, { data: encodeRosterEntry(admitted) })
  }
  if (invite.expiresUnixMs <= proposal.atUnixMs) return refused('enrol.invite_expired')
  for (const other of tables.roster.values()) {
    if (other.nodeId === entry.nodeId && other.peer !== entry.peer) {
      return refused('enrol.node_id_taken', { node: entry.nodeId })
    }
  }
  if (tables.roster.size >= LIMITS.rosterMax) {
    return refused('limit.exceeded', {
      what: 'number of machines',
      got: tables.roster.size + 1,
      max: LIMITS.rosterMax,
    })
  }
  tables.invites.put(inviteId, { ...invite, usedBy: entry.peer })
  admit(context, entry)
  return accepted(0, { data: encodeRosterEntry(entry) })
}

/** Only into an empty roster: the log of a scope begins with its founder, and nobody else can become one. */
export function foundScope(context: ApplyContext, command: CommandOf<'roster.found'>): Answer {
  if (context.tables.roster.size > 0) return refused('internal', { reason: 'the scope has a founder' })
  admit(context, command.entry)
  return accepted()
}

function admit(context: ApplyContext, entry: RosterEntry): void {
  context.tables.roster.put(entry.peer, entry)
  context.events.push({ type: 'peer-admitted', entry })
}
