/**
 * Reads without a log entry (thesis §6.4). The leader notes its commit index, and asks the group whether it still leads: once
 * a quorum has answered a heartbeat that left after the read came, no other leader can have been elected before it, so
 * nothing that the read must see lies beyond the noted index. Reads that come between two rounds share the next one.
 *
 * Rejected: answering within a lease of the leader's clock. It saves one round trip and makes correctness depend on clocks.
 */
import { LIMITS } from '../base/index.ts'
import { isSoleVoter } from './configuration.ts'
import type { Leadership } from './leadership.ts'
import type { ReadResult } from './proposal.ts'
import { hasQuorum } from './quorum.ts'
import type { RaftState } from './state.ts'

export function requestRead(state: RaftState, leadership: Leadership): ReadResult {
  if (!state.hasCommittedInTerm) return { accepted: false, reason: 'nothing-committed-in-term' }
  if (leadership.reads.length >= LIMITS.raftReadsPendingMax)
    return { accepted: false, reason: 'too-many-reads' }
  const id = state.newReadId()
  const index = state.log.commitIndex
  if (isSoleVoter(state.configuration, state.self)) {
    state.confirmedReads.push({ id, index })
  } else {
    leadership.reads.push({ id, index, round: leadership.heartbeatRound + 1 })
    leadership.isHeartbeatDue = true
  }
  return { accepted: true, id }
}

/** Somebody answered a heartbeat. */
export function confirmReads(state: RaftState, leadership: Leadership): void {
  const { reads } = leadership
  let confirmed = 0
  for (const { id, index, round } of reads) {
    // Those of the same round as the last one that passed pass with it.
    const isSameRound = confirmed > 0 && reads[confirmed - 1]?.round === round
    if (!isSameRound && !hasAnswered(state, leadership, round)) break
    state.confirmedReads.push({ id, index })
    confirmed++
  }
  if (confirmed > 0) leadership.reads = reads.slice(confirmed)
}

function hasAnswered(state: RaftState, { progress }: Leadership, round: number): boolean {
  return hasQuorum(
    state.configuration,
    (peer) => peer === state.self || (progress.get(peer)?.answeredRound ?? 0) >= round,
  )
}
