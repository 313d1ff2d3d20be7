/** A configuration as the data of its log entry. */
import { z } from 'zod'
import { decode, encode, LIMITS } from '../base/index.ts'
import { peerIdSchema } from './codec-fields.ts'
import type { Configuration } from './configuration.ts'

const peers = z
  .array(peerIdSchema)
  .max(LIMITS.raftVotersMax)
  .refine((list) => list.every((peer, at) => at === 0 || peer > (list[at - 1] ?? peer)), 'not sorted')

/** Strict: a list that this version does not know (a later one's) must not be overlooked. */
const schema = z.strictObject({ voters: peers.min(1), votersOutgoing: peers })

export function encodeConfiguration(configuration: Configuration): Uint8Array {
  return encode(configuration)
}

/** @throws CodedError `wire.malformed` */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  return decode(schema, bytes, 'raft configuration')
}
