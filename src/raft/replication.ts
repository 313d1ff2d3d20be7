/**
 * How a leader brings the log to its followers (§5.3, §7). What it makes of their answers lies in `answers.ts`.
 *
 * Appends are not made when something is proposed, but when a `Ready` is taken, from what each follower lacks then:
 * however many proposals came in between, they travel together.
 */
import { type LogIndex, logIndex, type PeerId, present } from '../base/index.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import type { Leadership } from './leadership.ts'
import { entryBytes } from './log.ts'
import type { Progress } from './progress.ts'
import type { RaftState } from './state.ts'

/**
 * How many times more rarely than usual the leader is heard: `idlePace` while there is nothing to do. Whoever knows that a leader has
 * nothing to do loses nothing when it is missed later; the first entry is on its way at once, and with it the usual pace.
 */
export function paceOf(state: RaftState, leadership: Leadership): number {
  const { idleAfterTicks, idlePace } = state.options
  const isIdle = leadership.idleElapsed >= idleAfterTicks && !hasWork(state, leadership)
  return isIdle ? idlePace : 1
}

/** Entries that are newer than the idleness, reads, a transfer. */
export function hasWork({ log }: RaftState, { idleIndex, reads, transfer }: Leadership): boolean {
  return log.lastIndex !== idleIndex || reads.length > 0 || transfer !== undefined
}

export function hasMessagesToSend(state: RaftState, leadership: Leadership): boolean {
  if (leadership.isHeartbeatDue) return leadership.progress.size > 0
  for (const progress of leadership.progress.values()) if (progress.next(state.log) !== 'nothing') return true
  return false
}

/** Puts everything that each follower lacks, and may have now, into the messages of the next `Ready`. */
export function sendMessages(state: RaftState, leadership: Leadership): void {
  if (leadership.isHeartbeatDue) sendHeartbeats(state, leadership)
  sendAppends(state, leadership)
}

export function sendAppends(state: RaftState, leadership: Leadership): void {
  for (const [peer, progress] of leadership.progress) {
    let next = progress.next(state.log)
    while (next === 'append') {
      sendAppend(state, peer, progress)
      next = progress.next(state.log)
    }
    if (next === 'snapshot') {
      progress.askForSnapshot()
      state.snapshotsWanted.push(peer)
    }
  }
}

/**
 * Not to a learner that has everything, except now and then: elections, the check of the quorum, commits and reads count voters
 * only, so its answers decide nothing. It hears what is new with the entries themselves, and of a new leader with that one's first.
 */
function sendHeartbeats(state: RaftState, leadership: Leadership): void {
  const isForAll = leadership.learnerHeartbeatElapsed >= state.options.learnerHeartbeatTicks
  if (isForAll) leadership.learnerHeartbeatElapsed = 0
  leadership.isHeartbeatDue = false
  leadership.heartbeatElapsed = 0
  const pace = paceOf(state, leadership)
  // Reads that came since the last round need a new one: an answer to the last may be older than they are.
  leadership.heartbeatRound = leadership.reads.at(-1)?.round ?? leadership.heartbeatRound
  for (const [peer, progress] of leadership.progress) {
    const isLearner = !state.configurations.mayCampaign(peer)
    if (isLearner && !isForAll && progress.isCaughtUp(state.log)) continue
    state.messages.push({
      type: 'heartbeat-request',
      from: state.self,
      to: peer,
      term: state.term,
      commitIndex: logIndex(Math.min(progress.matchIndex, state.log.commitIndex)),
      round: leadership.heartbeatRound,
      pace,
    })
  }
}

function sendAppend(state: RaftState, peer: PeerId, progress: Progress): void {
  const { log } = state
  const snapshot = progress.snapshotUnderWay
  const prevIndex = snapshot?.index ?? logIndex(progress.nextIndex - 1)
  const entries = progress.mayCarryEntries(log.lastIndex)
    ? log.slice(progress.nextIndex, state.options.maxAppendBytes)
    : []
  state.messages.push({
    type: 'append-request',
    from: state.self,
    to: peer,
    term: state.term,
    prevIndex,
    prevTerm: snapshot?.term ?? present(log.termAt(prevIndex), 'term before what is sent'),
    commitIndex: log.commitIndex,
    entries,
  })
  const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry.data), 0)
  progress.sent(entries.length, bytes, log.commitIndex)
}

/** The driver has the snapshot that `peer` needs. By now it may not need it any more. */
export function sendSnapshot(
  state: RaftState,
  leadership: Leadership,
  peer: PeerId,
  snapshot: { readonly index: LogIndex; readonly data: Uint8Array },
): void {
  const progress = leadership.progress.get(peer)
  if (progress?.wantsSnapshot !== true) return
  const { index, data } = snapshot
  const term = present(state.log.termAt(index), 'term of a snapshot')
  const configuration = encodeConfiguration(state.configurations.at(index))
  state.messages.push({
    type: 'install-snapshot',
    from: state.self,
    to: peer,
    term: state.term,
    snapshot: { index, term, configuration, data },
  })
  progress.snapshotSent({ index, term })
}
