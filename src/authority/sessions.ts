/**
 * Deduplication by (client id, sequence), after the Raft thesis §6.3: a request that is sent again, because its
 * answer was lost or the leader changed, is not a second command but gets the first one's answer.
 *
 * A session is opened by an entry of its own, whose index names it. The client says below which sequence every
 * answer has arrived, so a session remembers only what is in flight. A request whose session was forgotten is
 * refused rather than executed: nobody can know any more whether it was executed before.
 */
import { LIMITS } from '../base/index.ts'
import { type Answer, accepted, decodeAnswer, encodeAnswer, refused } from './answers.ts'
import type { ApplyContext } from './apply-context.ts'
import type { RequestId } from './commands.ts'

export function openSession(context: ApplyContext): Answer {
  const { sessions } = context.tables
  if (sessions.size >= LIMITS.sessionsMax) forgetLongestUnused(context)
  sessions.put(context.index, {
    lastUsed: context.index,
    requester: context.proposal.requester,
    answers: [],
    answeredBelow: 1,
  })
  return accepted(context.index)
}

/** The remembered answer, a refusal, or `undefined` for a request that has to be executed. */
export function recallAnswer(context: ApplyContext, request: RequestId): Answer | undefined {
  const session = context.tables.sessions.get(request.session)
  const expired = refused('authority.session_expired', { max: LIMITS.sessionsMax })
  if (session === undefined || session.requester !== context.proposal.requester) return expired
  const remembered = session.answers.find(({ sequence }) => sequence === request.sequence)
  if (remembered !== undefined) return decodeAnswer(remembered.answer)
  if (request.sequence < session.answeredBelow) return expired
  if (request.sequence - request.answeredBelow >= LIMITS.sessionInFlightMax) {
    return refused('authority.overloaded')
  }
  return undefined
}

export function rememberAnswer(context: ApplyContext, request: RequestId, answer: Answer): void {
  const { sessions } = context.tables
  const session = sessions.get(request.session)
  if (session === undefined) return
  const answeredBelow = Math.max(session.answeredBelow, Math.min(request.answeredBelow, request.sequence))
  const answers = session.answers.filter(({ sequence }) => sequence >= answeredBelow)
  answers.push({ sequence: request.sequence, answer: encodeAnswer(answer) })
  sessions.put(request.session, { ...session, lastUsed: context.index, answers, answeredBelow })
}

function forgetLongestUnused(context: ApplyContext): void {
  let oldest: { key: string; lastUsed: number } | undefined
  for (const [key, session] of context.tables.sessions.entries()) {
    if (oldest === undefined || session.lastUsed < oldest.lastUsed)
      oldest = { key, lastUsed: session.lastUsed }
  }
  if (oldest !== undefined) context.tables.sessions.delete(oldest.key)
}
