/**
 * A link that works in one direction, or for everybody but these two: others get an answer from the member, this node does not.
 *
 * The member was asked by others on behalf of this node and says whether it had heard this node's own ping. If it had, its answers get lost
 * (`from_peer`); if not, the pings do (`to_peer`), and when nothing of it arrived meanwhile either, perhaps both. One such probe
 * may be a slow packet; with `linkFaultProbes` in a row the fault is named and the connection hung up, to be dialled anew, perhaps on another
 * path. Should that not help, it is tried again after twice as many probes each time.
 *
 * The member is alive through all this: whoever is reached by anybody is not accused (SWIM §3.1).
 */
import type { Context } from './context.ts'
import type { LinkFault } from './events.ts'
import type { Member } from './member.ts'
import type { Probe } from './probe.ts'

/** The probe was answered straight. */
export function linkWorks(context: Context, member: Member, probe: Probe): void {
  probe.faults = 0
  tell(context, member, undefined)
}

/** The probe was answered to others only. */
export function linkFailed(context: Context, member: Member, probe: Probe): void {
  probe.faults += 1
  const { linkFaultProbes } = context.options
  if (probe.faults < linkFaultProbes) return
  const fault = faultOf(member, probe)
  tell(context, member, fault)
  if (member.isConnected && Number.isInteger(Math.log2(probe.faults / linkFaultProbes)))
    context.emit({ type: 'hang_up', peer: member.peer, why: fault })
}

/** Something arrived from the member straight. */
export function linkHeard(context: Context, member: Member): void {
  if (member.linkFault === 'both') tell(context, member, 'to_peer')
}

function faultOf({ heardAt }: Member, { relayed, sentAt }: Probe): LinkFault {
  if (relayed === true) return 'from_peer'
  return heardAt !== undefined && heardAt >= sentAt ? 'to_peer' : 'both'
}

function tell(context: Context, member: Member, fault: LinkFault | undefined): void {
  if (member.linkFault === fault) return
  member.linkFault = fault
  context.emit({ type: 'link_fault', peer: member.peer, fault })
}
