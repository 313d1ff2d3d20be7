/**
 * Handing leadership over (thesis §3.10): stop taking proposals, bring the other one's log up to date, tell it to campaign at
 * once. If no new leader is heard of within an election timeout, this one goes on.
 */
import type { PeerId } from '../base/index.ts'
import type { Leadership } from './leadership.ts'
import type { TransferResult } from './proposal.ts'
import type { RaftState } from './state.ts'

export function startTransfer(state: RaftState, leadership: Leadership, to: PeerId): TransferResult {
  if (leadership.transfer !== undefined) return { accepted: false, reason: 'transferring' }
  if (to === state.self || !state.configuration.voters.includes(to))
    return { accepted: false, reason: 'not-a-voter' }
  leadership.transfer = { to, ticksLeft: state.options.electionTicks, isAsked: false }
  continueTransfer(state, leadership)
  return { accepted: true }
}

/** The other one's log may have become as long as this one. */
export function continueTransfer(state: RaftState, leadership: Leadership): void {
  const { transfer } = leadership
  if (transfer === undefined || transfer.isAsked) return
  if (leadership.matchOf(transfer.to) < state.log.lastIndex) return
  transfer.isAsked = true
  state.messages.push({ type: 'timeout-now', from: state.self, to: transfer.to, term: state.term })
}

/** Time passes at a leader that hands over. */
export function tickTransfer({ transfer }: Leadership): 'over' | 'goes-on' {
  if (transfer === undefined) return 'goes-on'
  transfer.ticksLeft--
  return transfer.ticksLeft > 0 ? 'goes-on' : 'over'
}
