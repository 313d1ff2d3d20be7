/**
 * Deduplication by (client id, sequence), after the Raft thesis §6.3: a request that is sent again, because its
 * answer was lost or the leader changed, is not a second command but gets the first one's answer.
 *
 * A session is opened by an entry of its own, whose index names it. The client says below which sequence every
 * answer has arrived, so a session remembers only what is in flight. A request whose session was forgotten is
 * refused rather than executed: nobody can know any more whether it was executed before.
 *
 * Answers lie in pages of `ANSWERS_PER_PAGE` successive sequences, so that a request costs the same whatever else is in
 * flight. Rejected: all answers in the session's record (each batch wrote up to 256 of them again for one request), and
 * a record for each (two changes of the store per request, where a page costs an eighth of one when requests come in
 * bursts and the same when they come one by one).
 */
import { LIMITS } from '../base/index.ts'
import { type Answer, accepted, refused } from './answers.ts'
import type { ApplyContext } from './apply-context.ts'
import type { RequestId } from './commands.ts'
import { ANSWERS_PER_PAGE, pageKey, pageOf } from './rows.ts'
import type { Tables } from './tables.ts'

/** All answers of a session lie in so many pages from that of `answeredBelow` on. */
const PAGES_PER_SESSION = Math.ceil(LIMITS.sessionInFlightMax / ANSWERS_PER_PAGE) + 1

export function openSession(context: ApplyContext): Answer {
  const { tables, index } = context
  if (tables.sessions.size >= LIMITS.sessionsMax) forgetLongestUnused(tables)
  const { requester } = context.proposal
  tables.sessions.putLast(index, { lastUsed: index, requester, answeredBelow: 1 })
  return accepted(index)
}

/** The remembered answer, a refusal, or `undefined` for a request that has to be executed. */
export function recallAnswer(context: ApplyContext, request: RequestId): Answer | undefined {
  const { tables, proposal } = context
  const { sequence } = request
  const session = tables.sessions.get(request.session)
  const isKnown = session !== undefined && session.requester === proposal.requester
  if (!isKnown || sequence < session.answeredBelow) {
    return refused('authority.session_expired', { max: LIMITS.sessionsMax })
  }
  const page = tables.answers.get(pageKey(request.session, pageOf(sequence)))
  const remembered = page?.find((one) => one.sequence === sequence)
  if (remembered !== undefined) return remembered.answer
  if (sequence - request.answeredBelow >= LIMITS.sessionInFlightMax) return refused('authority.overloaded')
  return undefined
}

export function rememberAnswer(context: ApplyContext, request: RequestId, answer: Answer): void {
  const { tables, index } = context
  const { sequence } = request
  const session = tables.sessions.get(request.session)
  if (session === undefined) return
  const answeredBelow = Math.max(session.answeredBelow, Math.min(request.answeredBelow, sequence))
  if (answeredBelow > session.answeredBelow) {
    dropAnswers(tables, request.session, session.answeredBelow, answeredBelow)
  }
  const key = pageKey(request.session, pageOf(sequence))
  const page = [...(tables.answers.get(key) ?? []), { sequence, answer }]
  tables.answers.put(
    key,
    page.sort((left, right) => left.sequence - right.sequence),
  )
  tables.answersRemembered += 1
  tables.sessions.putLast(request.session, { ...session, lastUsed: index, answeredBelow })
  while (tables.answersRemembered > LIMITS.answersRememberedMax) forgetLongestUnused(tables)
}

/** Forgets the answers of a session below `to`; there are none below `from`. */
function dropAnswers(tables: Tables, session: string | number, from: number, to: number): void {
  const first = pageOf(from)
  const last = Math.min(pageOf(to), first + PAGES_PER_SESSION - 1)
  for (let number = first; number <= last; number++) {
    const key = pageKey(session, number)
    const page = tables.answers.get(key)
    if (page === undefined) continue
    const kept = page.filter(({ sequence }) => sequence >= to)
    if (kept.length === page.length) continue
    if (kept.length === 0) tables.answers.delete(key)
    else tables.answers.put(key, kept)
    tables.answersRemembered -= page.length - kept.length
  }
}

function forgetLongestUnused(tables: Tables): void {
  const [oldest] = tables.sessions.entries()
  if (oldest === undefined) return
  const [key, { answeredBelow }] = oldest
  dropAnswers(tables, key, answeredBelow, Number.POSITIVE_INFINITY)
  tables.sessions.delete(key)
}
