/**
 * A follower's side of replication (§5.3). Whoever leads is followed, whether this server's configuration names it
 * or not.
 */
import { type LogIndex, logIndex, present } from '../base/index.ts'
import type { AppendRequest, HeartbeatRequest, InstallSnapshot, StepResult } from './messages.ts'
import { HANDLED, type RaftState } from './state.ts'

type LeaderRequest = AppendRequest | HeartbeatRequest | InstallSnapshot

/** The request's term is the current one. */
export function onAppendRequest(state: RaftState, request: AppendRequest): StepResult {
  const { log } = state
  if (isSecondLeader(state, request)) return { outcome: 'refused', reason: 'second-leader' }
  if (state.pendingSnapshot !== undefined) {
    follow(state, request)
    return { outcome: 'ignored', reason: 'installing-snapshot' }
  }
  const { prevIndex, entries } = request
  if (prevIndex < log.commitIndex) {
    // Late or repeated. What is committed here equals the leader's log: say how far that reaches.
    follow(state, request)
    return acceptUpTo(state, request, log.commitIndex)
  }
  if (log.termAt(prevIndex) !== request.prevTerm) {
    if (prevIndex === log.commitIndex) return { outcome: 'refused', reason: 'conflicts-with-committed' }
    follow(state, request)
    return reject(state, request)
  }
  follow(state, request)
  // A state machine that hangs must not let the log grow without end.
  if (log.unappliedBytes > 2 * state.options.maxUncommittedBytes && entries.length > 0)
    return { outcome: 'ignored', reason: 'overloaded' }
  const missing = log.missing(entries)
  if (missing.length > 0) state.replaceFrom(missing)
  const lastNew = logIndex(prevIndex + entries.length)
  state.learnCommit(logIndex(Math.min(request.commitIndex, lastNew)))
  return acceptUpTo(state, request, lastNew)
}

/** The request's term is the current one. */
export function onHeartbeatRequest(state: RaftState, request: HeartbeatRequest): StepResult {
  if (isSecondLeader(state, request)) return { outcome: 'refused', reason: 'second-leader' }
  // The leader vouches for this log up to that index; where there is no such entry, one of the two lost its log.
  if (request.commitIndex > state.log.lastIndex) return { outcome: 'refused', reason: 'beyond-log' }
  follow(state, request, request.pace)
  state.learnCommit(request.commitIndex)
  state.messagesAfterPersist.push({
    type: 'heartbeat-response',
    from: state.self,
    to: request.from,
    term: state.term,
    round: request.round,
  })
  return HANDLED
}

/**
 * The request's term is the current one. What is committed here already needs no snapshot; where the log has the snapshot's
 * last entry, everything before it is the same, too (Log Matching), and only the commit is news. Otherwise the whole log goes
 * before anything of the snapshot is kept (figure 13, 7): what it holds conflicts, or ends before the leader's begins.
 */
export function onInstallSnapshot(state: RaftState, request: InstallSnapshot): StepResult {
  if (isSecondLeader(state, request)) return { outcome: 'refused', reason: 'second-leader' }
  const { log } = state
  const { index, term } = request.snapshot
  const ownTerm = log.termAt(index)
  if (index <= log.commitIndex && ownTerm !== undefined && ownTerm !== term)
    return { outcome: 'refused', reason: 'conflicts-with-committed' }
  follow(state, request)
  if (state.pendingSnapshot !== undefined) return { outcome: 'ignored', reason: 'installing-snapshot' }
  if (index <= log.commitIndex) return acceptUpTo(state, request, log.commitIndex)
  if (ownTerm === term) state.learnCommit(index)
  else state.takeSnapshot(request.snapshot)
  return acceptUpTo(state, request, index)
}

/** One leader per term (§5.2, Election Safety): a second one is a broken or a lying server. */
function isSecondLeader(state: RaftState, request: LeaderRequest): boolean {
  return state.leader !== undefined && state.leader !== request.from
}

function follow(state: RaftState, request: LeaderRequest, pace = 1): void {
  if (state.leader !== request.from) state.becomeFollower(request.term, request.from)
  state.delayElection(pace)
}

/** Of several answers that wait for the same write the farthest says it all: within a term a leader's log only grows. */
function acceptUpTo(state: RaftState, request: LeaderRequest, matchIndex: LogIndex): StepResult {
  const { messagesAfterPersist: waiting, self, term } = state
  const last = waiting.at(-1)
  const repeats = last?.type === 'append-accepted' && last.to === request.from && last.term === term
  if (repeats) waiting.pop()
  waiting.push({
    type: 'append-accepted',
    from: self,
    to: request.from,
    term,
    matchIndex: repeats ? logIndex(Math.max(last.matchIndex, matchIndex)) : matchIndex,
  })
  return HANDLED
}

/** With a hint that skips a whole term of conflicts at a time (§5.3, last paragraphs). */
function reject(state: RaftState, request: AppendRequest): StepResult {
  const hintIndex = state.log.lastNotAfter(request.prevIndex, request.prevTerm)
  state.messagesAfterPersist.push({
    type: 'append-rejected',
    from: state.self,
    to: request.from,
    term: state.term,
    rejectedIndex: request.prevIndex,
    hintIndex,
    hintTerm: present(state.log.termAt(hintIndex), 'term of the hint'),
  })
  return HANDLED
}
