/** A configuration as the data of its log entry. */
import { z } from 'zod'
import { decode, encode, LIMITS } from '../base/index.ts'
import { peerIdSchema } from './codec-fields.ts'
import type { Configuration } from './configuration.ts'

const sorted = z
  .array(peerIdSchema)
  .refine((list) => list.every((peer, at) => at === 0 || peer > (list[at - 1] ?? peer)), 'not sorted')
const voters = sorted.max(LIMITS.raftVotersMax)

/**
 * Strict: a list that this version does not know (a later one's) must not be overlooked. The first version had no learners
 * and ended every joint configuration by itself; its entries mean what the defaults say.
 */
const schema = z
  .strictObject({
    voters: voters.min(1),
    votersOutgoing: voters,
    learners: sorted.max(LIMITS.rosterMax).default([]),
    leave: z.enum(['auto', 'explicit']).default('auto'),
  })
  .refine(
    ({ voters, learners }) => !learners.some((peer) => voters.includes(peer)),
    'a voter that is a learner',
  )

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return encode(configuration)
}

/** @throws CodedError `wire.malformed` */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return decode(schema, bytes, 'raft configuration')
}
