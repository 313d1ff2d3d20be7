/** What a leader makes of its followers' answers (§5.3). */
import type { Leadership } from './leadership.ts'
import { advanceCommit } from './leading.ts'
import type { AppendAccepted, AppendRejected, HeartbeatResponse, StepResult } from './messages.ts'
import { confirmReads } from './reading.ts'
import { HANDLED, type RaftState } from './state.ts'
import { continueTransfer } from './transfer.ts'

export function onAppendAccepted(
  state: RaftState,
  leadership: Leadership,
  response: AppendAccepted,
): StepResult {
  const progress = leadership.progress.get(response.from)
  if (progress === undefined) return { outcome: 'ignored', reason: 'unknown-peer' }
  if (response.matchIndex > state.log.lastIndex) return { outcome: 'refused', reason: 'beyond-log' }
  progress.active = true
  if (progress.accepted(response.matchIndex, state.log.baseIndex)) {
    continueTransfer(state, leadership)
    advanceCommit(state, leadership)
  }
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
  if (response.round > leadership.heartbeatRound) return { outcome: 'refused', reason: 'beyond-log' }
  progress.active = true
  progress.answeredHeartbeat(state.log.lastIndex, response.round)
  confirmReads(state, leadership)
  return HANDLED
}
