/** What the owner is told of the voters: what holds now, what it is worth, and what would make it better. */
import type { VoterPolicy } from './voter-plan.ts'

interface Fact {
  readonly name: string
  readonly policy: VoterPolicy
  readonly isWitness: boolean
  readonly isAdmitted: boolean
  readonly isVoter: boolean
  readonly isConnected: boolean
}

export function truthOf(members: readonly Fact[]): string {
  const voters = members.filter(({ isVoter }) => isVoter)
  const [first] = voters
  if (first === undefined) return 'no machine decides about leases'
  return voters.length === 1 ? aloneTruth(first, members) : groupTruth(voters)
}

function aloneTruth(voter: Fact, members: readonly Fact[]): string {
  const admitted = members.filter(({ isAdmitted }) => isAdmitted)
  const alone = `${voter.name} decides alone: while it is away, nobody gets a lease`
  if (admitted.length <= 1) return `${alone}; with two more machines, three vote`
  const able = admitted.filter(({ policy, isWitness }) => isWitness || policy !== 'never')
  if (able.length >= 3) return `${alone}; three vote as soon as two others are connected and caught up`
  const isAskedOfBoth =
    able.length === 2 && able.every(({ policy, isWitness }) => isWitness || policy === 'always')
  const reason = isAskedOfBoth
    ? 'both machines are to vote always, but two voters stop when either is away, so only one does'
    : 'two voters stop when either is away, so a second one makes nothing better'
  return `${alone}; ${reason}: add a third machine or a witness`
}

function groupTruth(voters: readonly Fact[]): string {
  const spare = Math.ceil(voters.length / 2) - 1
  const away = voters.filter(({ isConnected }) => !isConnected)
  const group = `${voters.length} machines decide`
  if (away.length === 0) return `${group}: ${spare} of them may be away`
  const left = spare - away.length
  const names = away.map(({ name }) => name).join(', ')
  return left > 0
    ? `${group}, without ${names} now: ${left} more may be away`
    : `${group}, without ${names} now: no other may be away`
}
