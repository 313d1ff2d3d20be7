import { z } from 'zod'
import { answerSchema } from '../authority/index.ts'
import {
  bytesSchema,
  decode,
  encode,
  type LeaseId,
  LIMITS,
  type PeerId,
  type ScopeKey,
  type UnixMs,
} from '../base/index.ts'

/** How any node reaches the authority: rpc method names and their bodies. */
export const AUTHORITY_METHODS = {
  /** Body: a forward batch of `ClientRequest`s; answer: as many `AuthorityReply`s, in the same order. */
  request: 'authority.request',
  /** Body: empty; answer: `AuthorityReply` with a view. */
  view: 'authority.view',
  /** Body: empty. From a node that has lost its log; answer: `AuthorityReply` that it is forgotten. */
  rejoin: 'authority.rejoin',
} as const

const peer = z.string().transform((value) => value as PeerId)

const leaseRow = z.object({
  leaseId: z.number().transform((value) => value as LeaseId),
  scopeKey: z.string().transform((value) => value as ScopeKey),
  holder: peer,
  ttlMs: z.number(),
  grantedUnixMs: z.number().transform((value) => value as UnixMs),
  renewals: z.number(),
  revoked: z.boolean(),
})

const view = z.object({
  /** The first `LIMITS.leaseViewRowsMax` of `leasesTotal`, by lease id. */
  leases: z.array(leaseRow).max(LIMITS.leaseViewRowsMax),
  leasesTotal: z.number(),
  leader: peer,
  voters: z.array(peer),
  learners: z.array(peer),
  /** The autopilot's word about the voters, for people. */
  advice: z.string().max(LIMITS.errorTextBytesMax).optional(),
  term: z.number(),
  commitIndex: z.number(),
  appliedIndex: z.number(),
})
export type AuthorityViewBody = z.output<typeof view>

const reply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), answer: answerSchema }),
  z.object({ type: z.literal('view'), view }),
  /** The requester is no member of the configuration any more, as of the committed entry at `index`. */
  z.object({ type: z.literal('forgotten'), index: z.int().positive(), term: z.int().positive() }),
  /** Not this node: ask `leader`, if it is known. */
  z.object({
    type: z.literal('redirect'),
    leader: peer.optional(),
  }),
  /** This one request failed, whatever became of the others in its batch. */
  z.object({
    type: z.literal('error'),
    code: z.string().max(64),
    message: z.string().max(LIMITS.errorTextBytesMax),
    hint: z.string().max(LIMITS.errorTextBytesMax),
  }),
])
export type AuthorityReply = z.output<typeof reply>

export const encodeReply = (value: AuthorityReply): Uint8Array => encode(value)
export const decodeReply = (bytes: Uint8Array): AuthorityReply => decode(reply, bytes, 'authority reply')

/** Each request is encoded by itself, so that one that does not fit spoils no other. */
const forwardBatch = z.array(bytesSchema).min(1).max(LIMITS.forwardBatchMax)
const replyBatch = z.array(reply).max(LIMITS.forwardBatchMax)

export const encodeForwardBatch = (requests: readonly Uint8Array[]): Uint8Array => encode(requests)
export const decodeForwardBatch = (bytes: Uint8Array): readonly Uint8Array[] =>
  decode(forwardBatch, bytes, 'authority requests')
export const encodeReplyBatch = (replies: readonly AuthorityReply[]): Uint8Array => encode(replies)
export const decodeReplyBatch = (bytes: Uint8Array): readonly AuthorityReply[] =>
  decode(replyBatch, bytes, 'authority replies')
