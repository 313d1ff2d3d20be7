/** Majorities. In a joint configuration every decision needs a majority of each half (§6). */
import { assert, type LogIndex, logIndex, type PeerId, present } from '../base/index.ts'
import type { Configuration } from './configuration.ts'

const halves = (configuration: Configuration): readonly (readonly PeerId[])[] =>
  configuration.votersOutgoing.length === 0
    ? [configuration.voters]
    : [configuration.voters, configuration.votersOutgoing]

/** The highest index that a quorum has on disk. */
export function quorumIndex(configuration: Configuration, matchOf: (peer: PeerId) => LogIndex): LogIndex {
  assert(configuration.voters.length > 0, 'a quorum is counted among voters')
  let quorum = Number.MAX_SAFE_INTEGER
  for (const voters of halves(configuration)) {
    const matches = voters.map(matchOf).sort((a, b) => b - a)
    quorum = Math.min(quorum, present(matches[majority(voters) - 1], 'match of a majority'))
  }
  return logIndex(quorum)
}

/** Whether those for which `isCounted` holds are a quorum. Nobody is a quorum of nobody. */
export function hasQuorum(configuration: Configuration, isCounted: (peer: PeerId) => boolean): boolean {
  return halves(configuration).every((voters) => voters.filter(isCounted).length >= majority(voters))
}

/** Answers so far: `true` granted, `false` denied, absent: nothing heard. */
export type Ballot = Map<PeerId, boolean>

/** `lost` as soon as the missing answers cannot make up a quorum any more. */
export function ballotOutcome(
  configuration: Configuration,
  ballot: ReadonlyMap<PeerId, boolean>,
): 'won' | 'lost' | 'open' {
  if (hasQuorum(configuration, (peer) => ballot.get(peer) === true)) return 'won'
  return hasQuorum(configuration, (peer) => ballot.get(peer) !== false) ? 'open' : 'lost'
}

function majority(voters: readonly PeerId[]): number {
  return Math.floor(voters.length / 2) + 1
}
