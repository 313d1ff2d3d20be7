/**
 * A leader's side: elections won, proposals, the commit rule (§5.3, §5.4.2), the check of its quorum (thesis §6.2). How the
 * log gets to the followers lies in `replication.ts`.
 */
import { type LogIndex, logIndex, type PeerId } from '../base/index.ts'
import {
  type Configuration,
  enterChange,
  isJoint,
  isVoter,
  leaveJoint,
  type WantedConfiguration,
} from './configuration.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import type { Entry, EntryKind } from './entry.ts'
import { Leadership } from './leadership.ts'
import { entryBytes } from './log.ts'
import type { ProposalRefusal, ProposeResult } from './proposal.ts'
import { hasQuorum, quorumIndex } from './quorum.ts'
import { hasWork, paceOf, sendAppends } from './replication.ts'
import type { RaftState } from './state.ts'
import { tickTransfer } from './transfer.ts'

const NO_DATA = new Uint8Array(0)

/** The election is won. */
export function becomeLeader(state: RaftState): void {
  const next = logIndex(state.log.lastIndex + 1)
  const leadership = new Leadership(next)
  trackEverybody(state, leadership, next, false)
  state.role = { role: 'leader', leadership }
  state.electionElapsed = 0
  // Only an entry of its own term lets a leader commit what came before (§5.4.2, §8).
  appendEntry(state, 'empty', NO_DATA)
}

/** Time passes at the leader. */
export function tickLeader(state: RaftState, leadership: Leadership): void {
  countIdleness(state, leadership)
  const pace = paceOf(state, leadership)
  state.electionElapsed++
  if (state.electionElapsed >= state.options.electionTicks * pace) {
    state.electionElapsed = 0
    const isHeard = (peer: PeerId): boolean =>
      peer === state.self || leadership.progress.get(peer)?.active === true
    if (!hasQuorum(state.configuration, isHeard)) {
      state.becomeFollower(state.term, undefined)
      return
    }
    for (const progress of leadership.progress.values()) progress.active = false
  }
  for (const progress of leadership.progress.values()) progress.tellCommit()
  if (tickTransfer(leadership) === 'over') leadership.transfer = undefined
  leadership.heartbeatElapsed++
  leadership.learnerHeartbeatElapsed++
  if (leadership.heartbeatElapsed >= state.options.heartbeatTicks * pace) leadership.isHeartbeatDue = true
}

function countIdleness(state: RaftState, leadership: Leadership): void {
  const { progress } = leadership
  // Whoever is silent can be switched off for the night: it is not waited for.
  const isSomeoneBehind = [...progress.values()].some((each) => each.active && !each.isCaughtUp(state.log))
  if (hasWork(state, leadership) || isSomeoneBehind) {
    leadership.idleElapsed = 0
    leadership.idleIndex = state.log.lastIndex
  } else leadership.idleElapsed++
}

/** How many ticks from now `tickLeader` has something to do. */
export function ticksOfLeader(state: RaftState, leadership: Leadership): number {
  const pace = paceOf(state, leadership)
  const electionTicks = state.options.electionTicks * pace
  const heartbeatTicks = state.options.heartbeatTicks * pace
  const { progress, transfer, heartbeatElapsed } = leadership
  if ([...progress.values()].some((each) => each.awaitsCommitNews(state.log))) return 1
  const toHeartbeat = progress.size > 0 ? heartbeatTicks - heartbeatElapsed : Number.POSITIVE_INFINITY
  const toTransferEnd = transfer?.ticksLeft ?? Number.POSITIVE_INFINITY
  return Math.min(electionTicks - state.electionElapsed, toHeartbeat, toTransferEnd)
}

export function proposeCommand(state: RaftState, leadership: Leadership, data: Uint8Array): ProposeResult {
  const bytes = entryBytes(data)
  if (leadership.transfer !== undefined) return refused('transferring')
  if (bytes > state.options.maxAppendBytes) return refused('too-large')
  if (state.log.unappliedBytes + bytes > state.options.maxUncommittedBytes)
    return refused('too-many-uncommitted')
  const entry = appendEntry(state, 'command', data)
  return { accepted: true, index: entry.index, term: entry.term }
}

export function proposeChange(
  state: RaftState,
  leadership: Leadership,
  wanted: WantedConfiguration,
): ProposeResult {
  if (isJoint(state.configuration)) return refused('configuration-pending')
  return propose(state, leadership, () => enterChange(state.configuration, wanted))
}

/** Ends a joint configuration that does not end by itself. */
export function proposeLeave(state: RaftState, leadership: Leadership): ProposeResult {
  const { configuration } = state
  return propose(state, leadership, () =>
    isJoint(configuration) ? leaveJoint(configuration) : 'nothing-to-change',
  )
}

function propose(
  state: RaftState,
  leadership: Leadership,
  next: () => Configuration | 'nothing-to-change' | 'invalid-change',
): ProposeResult {
  if (leadership.transfer !== undefined) return refused('transferring')
  if (state.log.commitIndex < leadership.configurationBarrier) return refused('configuration-pending')
  const configuration = next()
  if (typeof configuration === 'string') return refused(configuration)
  const index = appendConfiguration(state, leadership, configuration)
  return { accepted: true, index, term: state.term }
}

/**
 * "If there exists an N such that N > commitIndex, a majority of matchIndex[i] ≥ N, and log[N].term == currentTerm:
 * set commitIndex = N" (§5.3, §5.4). The leader's own match is what is on its disk, and counts only if it is a
 * voter itself.
 */
export function advanceCommit(state: RaftState, leadership: Leadership): void {
  const { log } = state
  while (state.role.role === 'leader') {
    const quorum = quorumIndex(state.configuration, (peer) =>
      peer === state.self ? log.persistedIndex : leadership.matchOf(peer),
    )
    if (quorum <= log.commitIndex || log.termAt(quorum) !== state.term) return
    log.commitTo(quorum)
    const isNews = state.configurations.commitTo(quorum)
    if (isJoint(state.configuration)) {
      // The second half of a change goes by itself, also at a leader that inherited the first.
      if (state.configuration.leave === 'auto' && quorum >= leadership.configurationBarrier)
        appendConfiguration(state, leadership, leaveJoint(state.configuration))
      // Learners that the change removed are out with its first half already.
      else if (isNews) trackEverybody(state, leadership, logIndex(log.lastIndex + 1), true)
    } else if (isNews && state.configurations.currentIndex <= quorum) {
      endChange(state, leadership)
    }
  }
}

/** C_new is committed. */
function endChange(state: RaftState, leadership: Leadership): void {
  // Whoever leaves, perhaps this leader itself, is not heard or heard of any more: tell all that it is committed, now.
  for (const progress of leadership.progress.values()) progress.tellCommit()
  sendAppends(state, leadership)
  trackEverybody(state, leadership, logIndex(state.log.lastIndex + 1), true)
  // §6: a leader that is not part of the new configuration has managed it up to here.
  if (!isVoter(state.configuration, state.self)) state.becomeFollower(state.term, undefined)
}

function appendEntry(state: RaftState, kind: EntryKind, data: Uint8Array): Entry {
  return state.log.append(state.term, kind, data)
}

/** It takes effect at once, as at every server that gets it into its log. */
function appendConfiguration(state: RaftState, leadership: Leadership, next: Configuration): LogIndex {
  const { index } = appendEntry(state, 'configuration', encodeConfiguration(next))
  state.configurations.append(index, next)
  leadership.configurationBarrier = index
  // A new member counts as heard of: the group must not lose its leader because one has yet to answer.
  trackEverybody(state, leadership, index, true)
  return index
}

function trackEverybody(
  state: RaftState,
  leadership: Leadership,
  nextIndex: LogIndex,
  isActive: boolean,
): void {
  const others = new Set(state.configurations.everybody())
  others.delete(state.self)
  leadership.trackMembers(others, nextIndex, isActive, state.options)
}

function refused(reason: ProposalRefusal): ProposeResult {
  return { accepted: false, reason }
}
