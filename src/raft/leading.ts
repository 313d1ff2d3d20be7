/**
 * A leader's side: proposals, replication, the commit rule (§5.3, §5.4.2), the check of its quorum (thesis §6.2).
 *
 * Appends are not made when something is proposed, but when a `Ready` is taken, from what each follower lacks then:
 * however many proposals came in between, they travel together.
 */
import { type LogIndex, logIndex, type PeerId, present } from '../base/index.ts'
import {
  type Configuration,
  type ConfigurationChange,
  enterJoint,
  isJoint,
  isVoter,
  leaveJoint,
} from './configuration.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import type { Entry, EntryKind } from './entry.ts'
import { Leadership } from './leadership.ts'
import { entryBytes } from './log.ts'
import type { AppendAccepted, AppendRejected, HeartbeatResponse, StepResult } from './messages.ts'
import type { Progress } from './progress.ts'
import type { ProposeResult } from './proposal.ts'
import { hasQuorum, quorumIndex } from './quorum.ts'
import { HANDLED, type RaftState } from './state.ts'

const NO_DATA = new Uint8Array(0)

/** The election is won. */
export function becomeLeader(state: RaftState): void {
  const { log } = state
  let uncommittedBytes = 0
  for (let index = log.commitIndex + 1; index <= log.lastIndex; index++)
    uncommittedBytes += entryBytes(log.entryAt(index).data)
  const next = logIndex(log.lastIndex + 1)
  const leadership = new Leadership(uncommittedBytes, next)
  trackEverybody(state, leadership, next, false)
  state.role = { role: 'leader', leadership }
  state.electionElapsed = 0
  // Only an entry of its own term lets a leader commit what came before (§5.4.2, §8).
  appendEntry(state, leadership, 'empty', NO_DATA)
}

/** Time passes at the leader. */
export function tickLeader(state: RaftState, leadership: Leadership): void {
  state.electionElapsed++
  if (state.electionElapsed >= state.options.electionTicks) {
    state.electionElapsed = 0
    const isHeard = (peer: PeerId): boolean =>
      peer === state.self || leadership.progress.get(peer)?.active === true
    if (!hasQuorum(state.configuration, isHeard)) {
      state.becomeFollower(state.term, undefined)
      return
    }
    for (const progress of leadership.progress.values()) progress.active = false
  }
  leadership.heartbeatElapsed++
  if (leadership.heartbeatElapsed >= state.options.heartbeatTicks) {
    leadership.heartbeatElapsed = 0
    leadership.isHeartbeatDue = true
  }
}

export function proposeCommand(state: RaftState, leadership: Leadership, data: Uint8Array): ProposeResult {
  const bytes = entryBytes(data)
  if (bytes > state.options.maxAppendBytes) return { accepted: false, reason: 'too-large' }
  if (leadership.uncommittedBytes + bytes > state.options.maxUncommittedBytes)
    return { accepted: false, reason: 'too-many-uncommitted' }
  const entry = appendEntry(state, leadership, 'command', data)
  return { accepted: true, index: entry.index, term: entry.term }
}

export function proposeChange(
  state: RaftState,
  leadership: Leadership,
  change: ConfigurationChange,
): ProposeResult {
  if (isJoint(state.configuration) || state.log.commitIndex < leadership.configurationBarrier)
    return { accepted: false, reason: 'configuration-pending' }
  const joint = enterJoint(state.configuration, change)
  if (typeof joint === 'string') return { accepted: false, reason: joint }
  const index = appendConfiguration(state, leadership, joint)
  return { accepted: true, index, term: state.term }
}

export function onAppendAccepted(
  state: RaftState,
  leadership: Leadership,
  response: AppendAccepted,
): StepResult {
  const progress = leadership.progress.get(response.from)
  if (progress === undefined) return { outcome: 'ignored', reason: 'unknown-peer' }
  if (response.matchIndex > state.log.lastIndex) return { outcome: 'refused', reason: 'beyond-log' }
  progress.active = true
  if (progress.accepted(response.matchIndex)) advanceCommit(state, leadership)
  return HANDLED
}

export function onAppendRejected(
  state: RaftState,
  leadership: Leadership,
  response: AppendRejected,
): StepResult {
  const progress = leadership.progress.get(response.from)
  if (progress === undefined) return { outcome: 'ignored', reason: 'unknown-peer' }
  if (response.rejectedIndex > state.log.lastIndex) return { outcome: 'refused', reason: 'beyond-log' }
  progress.active = true
  progress.rejected(response.rejectedIndex, state.log.lastNotAfter(response.hintIndex, response.hintTerm))
  return HANDLED
}

export function onHeartbeatResponse(
  state: RaftState,
  leadership: Leadership,
  response: HeartbeatResponse,
): StepResult {
  const progress = leadership.progress.get(response.from)
  if (progress === undefined) return { outcome: 'ignored', reason: 'unknown-peer' }
  progress.active = true
  progress.answeredHeartbeat(state.log.lastIndex)
  return HANDLED
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
    for (let index = log.commitIndex + 1; index <= quorum; index++)
      leadership.uncommittedBytes -= entryBytes(log.entryAt(index).data)
    log.commitTo(quorum)
    const isNews = state.configurations.commitTo(quorum)
    if (isJoint(state.configuration)) {
      // The second half of a change goes by itself, also at a leader that inherited the first.
      if (quorum >= leadership.configurationBarrier)
        appendConfiguration(state, leadership, leaveJoint(state.configuration))
    } else if (isNews && state.configurations.currentIndex <= quorum) {
      endChange(state, leadership)
    }
  }
}

/** C_new is committed. */
function endChange(state: RaftState, leadership: Leadership): void {
  // Whoever leaves, perhaps this leader itself, is not heard or heard of any more: tell all that it is committed.
  sendAppends(state, leadership)
  trackEverybody(state, leadership, logIndex(state.log.lastIndex + 1), true)
  // §6: a leader that is not part of the new configuration has managed it up to here.
  if (!isVoter(state.configuration, state.self)) state.becomeFollower(state.term, undefined)
}

export function hasMessagesToSend(state: RaftState, leadership: Leadership): boolean {
  if (leadership.isHeartbeatDue) return leadership.progress.size > 0
  for (const progress of leadership.progress.values())
    if (progress.wantsAppend(state.log.lastIndex, state.log.commitIndex)) return true
  return false
}

/** Puts everything that each follower lacks, and may have now, into the messages of the next `Ready`. */
export function sendMessages(state: RaftState, leadership: Leadership): void {
  if (leadership.isHeartbeatDue) {
    leadership.isHeartbeatDue = false
    for (const [peer, progress] of leadership.progress) {
      state.messages.push({
        type: 'heartbeat-request',
        from: state.self,
        to: peer,
        term: state.term,
        commitIndex: logIndex(Math.min(progress.matchIndex, state.log.commitIndex)),
      })
    }
  }
  sendAppends(state, leadership)
}

function sendAppends(state: RaftState, leadership: Leadership): void {
  for (const [peer, progress] of leadership.progress)
    while (progress.wantsAppend(state.log.lastIndex, state.log.commitIndex)) sendAppend(state, peer, progress)
}

function sendAppend(state: RaftState, peer: PeerId, progress: Progress): void {
  const { log } = state
  const prevIndex = logIndex(progress.nextIndex - 1)
  const entries = progress.mayCarryEntries(log.lastIndex)
    ? log.slice(progress.nextIndex, state.options.maxAppendBytes)
    : []
  state.messages.push({
    type: 'append-request',
    from: state.self,
    to: peer,
    term: state.term,
    prevIndex,
    prevTerm: present(log.termAt(prevIndex), 'term before what is sent'),
    commitIndex: log.commitIndex,
    entries,
  })
  progress.sent(entries.length, log.commitIndex)
}

function appendEntry(state: RaftState, leadership: Leadership, kind: EntryKind, data: Uint8Array): Entry {
  leadership.uncommittedBytes += entryBytes(data)
  return state.log.append(state.term, kind, data)
}

/** It takes effect at once, as at every server that gets it into its log. */
function appendConfiguration(state: RaftState, leadership: Leadership, next: Configuration): LogIndex {
  const { index } = appendEntry(state, leadership, 'configuration', encodeConfiguration(next))
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
  leadership.trackMembers(others, nextIndex, isActive, state.options.maxInflightAppends)
}
