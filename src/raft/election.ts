/**
 * Elections (§5.2, §5.4.1; PreVote: thesis §9.6). A server that hears nothing asks first whether it *would* be
 * elected, which changes nothing anywhere; only with a quorum of such answers does it raise its term and campaign.
 * Its own vote counts when it is on its disk, like anybody else's.
 */
import { type PeerId, term } from '../base/index.ts'
import { allVoters, isVoter } from './configuration.ts'
import { becomeLeader } from './leading.ts'
import type {
  PreVoteRequest,
  PreVoteResponse,
  StepResult,
  TimeoutNow,
  VoteRequest,
  VoteResponse,
} from './messages.ts'
import { type Ballot, ballotOutcome } from './quorum.ts'
import { HANDLED, type RaftState } from './state.ts'

/** The election timeout passed. The caller has made sure that this server may campaign. */
export function startPreVote(state: RaftState): void {
  const ballot: Ballot = new Map([[state.self, true]])
  state.restartElectionTimer()
  state.role = { role: 'pre-candidate', ballot }
  for (const peer of otherVoters(state)) {
    state.messages.push({
      type: 'pre-vote-request',
      from: state.self,
      to: peer,
      term: state.term,
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
    })
  }
  countPreVotes(state, ballot)
}

/**
 * "On conversion to candidate". The requests wait for the write of term and vote: if they left earlier, a candidate
 * could crash before it, campaign again in the same term with a log that a leader has changed meanwhile, and win
 * with votes that were given to the old one.
 */
function startElection(state: RaftState, isTransfer: boolean): void {
  state.term = term(state.term + 1)
  state.vote = state.self
  state.restartElectionTimer()
  state.role = { role: 'candidate', ballot: new Map() }
  for (const peer of otherVoters(state)) {
    state.messagesAfterPersist.push({
      type: 'vote-request',
      from: state.self,
      to: peer,
      term: state.term,
      lastIndex: state.log.lastIndex,
      lastTerm: state.log.lastTerm,
      isTransfer,
    })
  }
}

/** A write with `vote` for `votedTerm` reached the disk. */
export function countOwnVote(state: RaftState, votedTerm: number, vote: PeerId | undefined): void {
  if (state.role.role !== 'candidate' || votedTerm !== state.term || vote !== state.self) return
  state.role.ballot.set(state.self, true)
  countVotes(state, state.role.ballot)
}

/**
 * The leader hands over (thesis §3.10): it has made sure that this log is as long as its own, so there is no pre-vote, and
 * the others need not wait until they miss it.
 */
export function onTimeoutNow(state: RaftState, message: TimeoutNow): StepResult {
  if (state.leader !== message.from || !state.mayCampaign)
    return { outcome: 'ignored', reason: 'not-expected' }
  startElection(state, true)
  return HANDLED
}

/** The request's term is the current one: an older one was answered, a newer one adopted, before. */
export function onPreVoteRequest(state: RaftState, request: PreVoteRequest): StepResult {
  const granted = state.mayVote && state.log.isUpToDate(request.lastIndex, request.lastTerm)
  state.messagesAfterPersist.push({
    type: 'pre-vote-response',
    from: state.self,
    to: request.from,
    term: state.term,
    granted,
  })
  return HANDLED
}

/**
 * Whoever asks is answered, member or not, and also by a learner: this server's configuration may be older than the candidate's, and
 * its vote may be the one that is missing (thesis §4.2.1). The candidate knows whose votes count.
 */
export function onVoteRequest(state: RaftState, request: VoteRequest): StepResult {
  const isFree = state.vote === undefined && state.leader === undefined
  const granted =
    state.mayVote &&
    (isFree || state.vote === request.from) &&
    state.log.isUpToDate(request.lastIndex, request.lastTerm)
  if (granted) {
    state.vote = request.from
    state.delayElection()
  }
  state.messagesAfterPersist.push({
    type: 'vote-response',
    from: state.self,
    to: request.from,
    term: state.term,
    granted,
  })
  return HANDLED
}

export function onPreVoteResponse(state: RaftState, response: PreVoteResponse): StepResult {
  if (state.role.role !== 'pre-candidate') return { outcome: 'ignored', reason: 'not-expected' }
  if (!isVoter(state.configuration, response.from)) return { outcome: 'ignored', reason: 'unknown-peer' }
  state.role.ballot.set(response.from, response.granted)
  countPreVotes(state, state.role.ballot)
  return HANDLED
}

export function onVoteResponse(state: RaftState, response: VoteResponse): StepResult {
  if (state.role.role !== 'candidate') return { outcome: 'ignored', reason: 'not-expected' }
  if (!isVoter(state.configuration, response.from)) return { outcome: 'ignored', reason: 'unknown-peer' }
  state.role.ballot.set(response.from, response.granted)
  countVotes(state, state.role.ballot)
  return HANDLED
}

function countPreVotes(state: RaftState, ballot: Ballot): void {
  const outcome = ballotOutcome(state.configuration, ballot)
  if (outcome === 'won') startElection(state, false)
  if (outcome === 'lost') state.becomeFollower(state.term, undefined)
}

function countVotes(state: RaftState, ballot: Ballot): void {
  const outcome = ballotOutcome(state.configuration, ballot)
  if (outcome === 'won') becomeLeader(state)
  if (outcome === 'lost') state.becomeFollower(state.term, undefined)
}

function otherVoters(state: RaftState): readonly PeerId[] {
  return [...allVoters(state.configuration)].filter((peer) => peer !== state.self)
}
