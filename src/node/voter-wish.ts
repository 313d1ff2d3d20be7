/** What a node says of its own part in the authority, by its record. */
import type { VoterPolicy } from '../authority/index.ts'
import type { NodeRecord } from '../membership/index.ts'

export interface VoterWish {
  readonly policy: VoterPolicy
  readonly isWitness: boolean
}

export const voterWishOf = (record: NodeRecord | undefined): VoterWish => ({
  policy: policyOf(record?.voter_policy),
  isWitness: record?.witness === true,
})

/** A policy that only a newer version knows counts as the default. */
function policyOf(text: string | null | undefined): VoterPolicy {
  return text === 'always' || text === 'never' ? text : 'auto'
}
