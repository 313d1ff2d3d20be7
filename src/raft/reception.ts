/**
 * What is done with every message before its own rule: is it possible at all, is it of this time ("Rules for
 * Servers: all servers").
 */
import { CodedError, type LogIndex, logIndex, term } from '../base/index.ts'
import { decodeConfiguration } from './configuration-codec.ts'
import type { AppendRequest, InstallSnapshot, RaftMessage, RefuseReason, StepResult } from './messages.ts'
import type { RaftState } from './state.ts'

/** Why no correct server would send this here; `undefined` if one might. */
export function impossibility(state: RaftState, message: RaftMessage): RefuseReason | undefined {
  if (message.to !== state.self || message.from === state.self) return 'misaddressed'
  if (message.type === 'append-request' && !isWellFormed(message)) return 'malformed-entries'
  if (message.type === 'install-snapshot' && !isPossible(message)) return 'malformed-snapshot'
  return undefined
}

/** Contiguous from `prevIndex`, terms that never fall nor exceed the leader's, configurations that can be read. */
function isWellFormed(request: AppendRequest): boolean {
  let index: number = request.prevIndex
  let lastTerm: number = request.prevTerm
  for (const entry of request.entries) {
    if (entry.index !== index + 1 || entry.term < lastTerm) return false
    if (entry.kind === 'configuration' && !isReadable(entry.data)) return false
    index = entry.index
    lastTerm = entry.term
  }
  return lastTerm <= request.term
}

function isPossible({ term, snapshot }: InstallSnapshot): boolean {
  return snapshot.index > 0 && snapshot.term <= term && isReadable(snapshot.configuration)
}

function isReadable(configuration: Uint8Array): boolean {
  try {
    decodeConfiguration(configuration)
    return true
  } catch (thrown) {
    if (thrown instanceof CodedError) return false
    throw thrown
  }
}

/**
 * A message of an older term: a request is answered with the current one, so that a server that stayed behind, or
 * a leader that was replaced, finds out ("reply false if term < currentTerm"). An answer is of no use.
 */
export function answerStale(state: RaftState, message: RaftMessage): StepResult {
  const reply = { from: state.self, to: message.from, term: state.term }
  const answers = state.messagesAfterPersist
  const rejection = (rejectedIndex: LogIndex): RaftMessage => ({
    type: 'append-rejected',
    ...reply,
    rejectedIndex,
    hintIndex: logIndex(0),
    hintTerm: term(0),
  })
  switch (message.type) {
    case 'pre-vote-request':
      answers.push({ type: 'pre-vote-response', ...reply, granted: false })
      break
    case 'vote-request':
      answers.push({ type: 'vote-response', ...reply, granted: false })
      break
    case 'append-request':
      answers.push(rejection(message.prevIndex))
      break
    case 'install-snapshot':
      answers.push(rejection(message.snapshot.index))
      break
    case 'heartbeat-request':
      answers.push({ type: 'heartbeat-response', ...reply, round: message.round })
      break
    default:
  }
  return { outcome: 'ignored', reason: 'stale-term' }
}
