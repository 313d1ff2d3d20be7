import { type NodeId, type PeerId, unixMs } from '../base/index.ts'
import type { MemberView, Standing } from '../membership/index.ts'
import type { RaftStatus } from '../raft/index.ts'
import type { AuthorityViewBody } from './authority-protocol.ts'
import type { AuthorityView, LeaseView, MemberStatus, NodeView } from './control/node-control.ts'
import type { LinkState } from './link-watch.ts'

import { nodeOrdersView } from './order-views.ts'

type NameOf = (peer: PeerId) => NodeId | undefined

/** A peer that is not in the roster (yet) is shown by its id. */
const named = (peer: PeerId, nameOf: NameOf): NodeId => nameOf(peer) ?? (peer as string as NodeId)

/** The authority as a voter knows it by itself. */
export function authorityView(
  status: RaftStatus,
  appliedIndex: number,
  advice: string | undefined,
  nameOf: NameOf,
): AuthorityView {
  const { committedConfiguration: configuration, leader, term, commitIndex } = status
  return {
    role: partIn(status),
    leader: leader === undefined ? undefined : named(leader, nameOf),
    term,
    commitIndex,
    appliedIndex,
    voters: configuration.voters.map((peer) => named(peer, nameOf)),
    learners: configuration.learners.map((peer) => named(peer, nameOf)),
    advice,
  }
}

function partIn({ role, committedConfiguration: configuration, self }: RaftStatus): AuthorityView['role'] {
  if (configuration.learners.includes(self) && !configuration.votersOutgoing.includes(self)) return 'learner'
  return role === 'pre-candidate' ? 'candidate' : role
}

/** The authority as its leader described it to a node without a vote; `undefined` when none could be asked. */
export function distantAuthorityView(view: AuthorityViewBody | undefined, nameOf: NameOf): AuthorityView {
  if (view === undefined) {
    return {
      role: 'none',
      leader: undefined,
      term: 0,
      commitIndex: 0,
      appliedIndex: 0,
      voters: [],
      learners: [],
      advice: undefined,
    }
  }
  const { leader, voters, learners, advice, term, commitIndex, appliedIndex } = view
  return {
    role: 'none',
    leader: named(leader, nameOf),
    term,
    commitIndex,
    appliedIndex,
    voters: voters.map((peer) => named(peer, nameOf)),
    learners: learners.map((peer) => named(peer, nameOf)),
    advice,
  }
}

export function leaseViews(view: AuthorityViewBody, nameOf: NameOf): readonly LeaseView[] {
  return view.leases.map(({ leaseId, scopeKey, holder, ttlMs, grantedUnixMs, renewals, revoked }) => ({
    leaseId,
    scopeKey,
    holder: named(holder, nameOf),
    ttlMs,
    grantedUnixMs,
    renewals,
    revoked,
  }))
}

export function nodeView(
  member: MemberView,
  mesh: {
    now: number
    authority: AuthorityView
    runningHere: number
    linkOf: (peer: PeerId) => LinkState | undefined
    standing: (peer: PeerId) => Standing
  },
): NodeView {
  const { peer, nodeId, self, status, incarnation, record, lastSeen } = member
  const { leader, voters, learners } = mesh.authority
  const isThere = status === 'alive' || status === 'suspect'
  return {
    nodeId,
    peerId: peer,
    self,
    status,
    incarnation,
    lastSeenAgoMs: self ? 0 : lastSeen === undefined ? undefined : Math.max(0, mesh.now - lastSeen),
    authority: partOf(nodeId, { leader, voters, learners }),
    remoteExecute: record?.remote_execute === true,
    runningTasks: self ? mesh.runningHere : isThere ? (record?.running_tasks ?? 0) : 0,
    addresses: record?.addresses ?? [],
    version: record?.version,
    link: self ? undefined : linkView(member, mesh.linkOf(peer)),
    orders: nodeOrdersView(mesh.standing(peer), record),
    gpusWithheld: (record?.gpus_withheld ?? []).map(({ uuid, reason, since_unix_ms: since }) => ({
      uuid,
      reason,
      detail: undefined,
      sinceUnixMs: unixMs(since),
    })),
  }
}

/** Round trips and faults are known of neighbours whose connection is gone as well. */
function linkView(member: MemberView, link: LinkState | undefined): NodeView['link'] {
  const { rttMs, rttVariationMs, linkFault: fault } = member
  if (link === undefined && rttMs === undefined && fault === undefined) return undefined
  const { path, remoteAddress, downgradedFrom } = link ?? {}
  return { path, remoteAddress, downgradedFrom, rttMs, rttVariationMs, fault }
}

function partOf(
  node: NodeId,
  { leader, voters, learners }: Pick<AuthorityView, 'leader' | 'voters' | 'learners'>,
): NodeView['authority'] {
  if (node === leader) return 'leader'
  if (voters.includes(node)) return 'voter'
  return learners.includes(node) ? 'learner' : 'none'
}

export function countMembers(members: readonly MemberView[]): Readonly<Record<MemberStatus, number>> {
  const count = (status: MemberStatus): number => members.filter((member) => member.status === status).length
  return { alive: count('alive'), suspect: count('suspect'), dead: count('dead'), left: count('left') }
}
