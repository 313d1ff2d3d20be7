/** Observations as sentences for people: one line each, node and time are told beside it. */
import { unreachable } from '../src/base/index.ts'
import { describeWork, isWork } from './describe-work.ts'
import type {
  EntryFact,
  HardStateFact,
  LeaseCall,
  LeaseOutcome,
  LogWriteFact,
  Observation,
  VotersFact,
} from './observation.ts'
import type { WorkFact } from './work-facts.ts'

/** Facts of the machines, disks and the run; the others are told by `describeConsensus` and `describeWork`. */
export function describe(observation: Observation): string {
  switch (observation.type) {
    case 'node-declared':
      return `is a machine of this run: ${observation.name}`
    case 'clock-rate':
      return `its clock runs at ${observation.rate} from here on`
    case 'life-began': {
      const { base, entries, hardState } = observation.log
      const log = entries.length === 0 ? 'no entries' : `entries ${range(entries)}`
      return `life ${observation.life} begins: ${hard(hardState)}, base ${base.index}, ${log}, applied ${observation.appliedIndex}`
    }
    case 'life-ended':
      return { crash: 'CRASH', stop: 'stops', failed: 'leaves consensus: its disk failed' }[observation.how]
    case 'wiped':
      return 'its log and state are wiped'
    case 'log-writing':
      return `writes ${write(observation)}`
    case 'log-written':
      return 'write is on disk'
    case 'log-compacted':
      return `compacts its log up to ${observation.base.index}`
    case 'snapshot-installing':
      return `writes a snapshot at ${observation.base.index} of term ${observation.base.term}`
    case 'snapshot-installed':
      return `snapshot at ${observation.base.index} is on disk`
    case 'phase':
      return `──── ${observation.phase} ────`
    case 'fault':
      return observation.what
    default:
      return describeConsensus(observation)
  }
}

type MachineType =
  | 'node-declared'
  | 'clock-rate'
  | 'life-began'
  | 'life-ended'
  | 'wiped'
  | 'log-writing'
  | 'log-written'
  | 'log-compacted'
  | 'snapshot-installing'
  | 'snapshot-installed'
  | 'phase'
  | 'fault'
type ConsensusType =
  | 'role-changed'
  | 'vote-sent'
  | 'append-accepted'
  | 'commit-advanced'
  | 'entry-applied'
  | 'acknowledged'

function describeConsensus(observation: Exclude<Observation, { type: MachineType }>): string {
  switch (observation.type) {
    case 'role-changed': {
      const { role, term, leader } = observation
      const whose = role === 'follower' ? ` of ${leader ?? 'nobody'}` : ''
      return `${role === 'leader' ? 'LEADER' : role}${whose}, term ${term}`
    }
    case 'vote-sent':
      return `votes for ${observation.candidate} in term ${observation.term}`
    case 'append-accepted':
      return `acknowledges entries up to ${observation.index} in term ${observation.term}`
    case 'commit-advanced':
      return `commit index ${observation.index}`
    case 'entry-applied': {
      const { index, kind } = observation.entry
      const state =
        observation.stateDigest === undefined ? '' : `, state ${observation.stateDigest.slice(0, 8)}`
      return `applies ${index} (${kind}${state})`
    }
    case 'acknowledged':
      return `answers a client for entry ${observation.index}`
    default:
      return isWork(observation) ? describeWork(observation) : describeLeases(observation)
  }
}

type WorkType = WorkFact['type']
function describeLeases(
  observation: Exclude<Observation, { type: MachineType | ConsensusType | WorkType }>,
): string {
  switch (observation.type) {
    case 'op-invoked':
      return `${observation.client} ${observation.op} ⇢ ${callText(observation.call)}`
    case 'op-answered':
      return `${observation.client} ${observation.op} ⇠ ${outcomeText(observation.outcome)}`
    case 'op-lost':
      return `${observation.client} ${observation.op} ⇠ lost: outcome unknown`
    case 'lease-granted':
      return `lease ${observation.leaseId} of ${observation.key} granted to ${observation.holder} for ${observation.ttlMs} ms`
    case 'lease-renewed':
      return `lease ${observation.leaseId} of ${observation.key} renewed`
    case 'lease-revoked':
      return `lease ${observation.leaseId} of ${observation.key} revoked: cools`
    case 'lease-ended':
      return `lease ${observation.leaseId} of ${observation.key} ${observation.how}`
    default:
      return unreachable(observation)
  }
}

function hard(state: HardStateFact | undefined): string {
  if (state === undefined) return 'nothing on disk'
  return `term ${state.term}, vote ${state.vote ?? 'none'}, commit ${state.commitIndex}`
}

function range(entries: readonly EntryFact[]): string {
  const [first, last] = [entries[0], entries.at(-1)]
  if (first === undefined || last === undefined) return 'none'
  return first === last
    ? `${first.index} (term ${first.term})`
    : `${first.index}–${last.index} (term ${last.term})`
}

function write({ hardState, entries }: LogWriteFact): string {
  const parts = [
    ...(hardState === undefined ? [] : [hard(hardState)]),
    ...(entries.length === 0 ? [] : [`entries ${range(entries)}`]),
    ...entries.flatMap(({ index, configuration }) =>
      configuration === undefined ? [] : [`configuration at ${index}: ${votersText(configuration)}`],
    ),
  ]
  return parts.join('; ')
}

function votersText({ voters, votersOutgoing }: VotersFact): string {
  return votersOutgoing.length === 0 ? voters.join(' ') : `${voters.join(' ')} & ${votersOutgoing.join(' ')}`
}

function callText(call: LeaseCall): string {
  switch (call.kind) {
    case 'grant':
      return `grant ${call.key} to ${call.holder} for ${call.ttlMs} ms`
    case 'renew':
    case 'release':
      return `${call.kind} lease ${call.leaseId} of ${call.key}`
    case 'revoke':
      return `revoke lease ${call.leaseId} of ${call.key}${call.force ? ' by force' : ''}`
    case 'view':
      return `view ${call.key}`
    default:
      return unreachable(call)
  }
}

function outcomeText(outcome: LeaseOutcome): string {
  if (!outcome.ok) return outcome.code
  if (outcome.leaseId === undefined) return 'ok'
  return `lease ${outcome.leaseId}${outcome.holder === undefined ? '' : ` held by ${outcome.holder}`}`
}
