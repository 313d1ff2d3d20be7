/**
 * A follower's side of replication (§5.3). Whoever leads is followed, whether this server's configuration names it
 * or not.
 */
import { type LogIndex, logIndex, present } from '../base/index.ts'
import type { AppendRequest, HeartbeatRequest, StepResult } from './messages.ts'
import { HANDLED, type RaftState } from './state.ts'

/** The request's term is the current one. */
export function onAppendRequest(state: RaftState, request: AppendRequest): StepResult {
  const { log } = state
  if (isSecondLeader(state, request)) return { outcome: 'refused', reason: 'second-leader' }
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
  follow(state, request)
  state.learnCommit(request.commitIndex)
  state.messagesAfterPersist.push({
    type: 'heartbeat-response',
    from: state.self,
    to: request.from,
    term: state.term,
  })
  return HANDLED
}

/** One leader per term (§5.2, Election Safety): a second one is a broken or a lying server. */
function isSecondLeader(state: RaftState, request: AppendRequest | HeartbeatRequest): boolean {
  return state.leader !== undefined && state.leader !== request.from
}

function follow(state: RaftState, request: AppendRequest | HeartbeatRequest): void {
  if (state.leader !== request.from) state.becomeFollower(request.term, request.from)
  state.electionElapsed = 0
}

function acceptUpTo(state: RaftState, request: AppendRequest, matchIndex: LogIndex): StepResult {
  state.messagesAfterPersist.push({
    type: 'append-accepted',
    from: state.self,
    to: request.from,
    term: state.term,
    matchIndex,
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
