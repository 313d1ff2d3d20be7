import type { VoterPolicy } from '../authority/index.ts'
import type { NodeRecord, Standing } from '../membership/index.ts'

/** What a node says of its own part in the authority, by its record. */
export interface VoterWish {
  readonly policy: VoterPolicy
  readonly isWitness: boolean
}

/** What the autopilot is to know of a node: its own wish, unless it was retired. */
export function voterWish(own: VoterWish, { isRetired }: Standing): VoterWish {
  return isRetired ? { policy: 'never', isWitness: false } : own
}

/** A policy that only a newer version knows counts as the default. */
export function wishOfRecord(record: NodeRecord | undefined): VoterWish {
  const text = record?.voter_policy
  const policy = text === 'always' || text === 'never' ? text : 'auto'
  return { policy, isWitness: record?.witness === true }
}
