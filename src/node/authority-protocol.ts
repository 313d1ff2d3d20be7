import { z } from 'zod'
import { answerSchema } from '../authority/index.ts'
import {
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
  /** Body: `ClientRequest`; answer: `AuthorityReply`. */
  request: 'authority.request',
  /** Body: empty; answer: `AuthorityReply` with a view. */
  view: 'authority.view',
} as const

const peer = z.string().transform((value) => value as PeerId)

const leaseRow = z.object({
  leaseId: z.number().transform((value) => value as LeaseId),
  scopeKey: z.string().transform((value) => value as ScopeKey),
  holder: peer,
  ttlMs: z.number(),
  grantedUnixMs: z.number().transform((value) => value as UnixMs),
  renewals: z.number(),
})

const view = z.object({
  /** The first `LIMITS.leaseViewRowsMax` of `leasesTotal`, by lease id. */
  leases: z.array(leaseRow).max(LIMITS.leaseViewRowsMax),
  leasesTotal: z.number(),
  leader: peer,
  voters: z.array(peer),
  term: z.number(),
  commitIndex: z.number(),
  appliedIndex: z.number(),
})
export type AuthorityViewBody = z.output<typeof view>

const reply = z.discriminatedUnion('type', [
  z.object({ type: z.literal('answer'), answer: answerSchema }),
  z.object({ type: z.literal('view'), view }),
  /** Not this node: ask `leader`, if it is known. */
  z.object({
    type: z.literal('redirect'),
    leader: peer.optional(),
  }),
])
export type AuthorityReply = z.output<typeof reply>

export const encodeReply = (value: AuthorityReply): Uint8Array => encode(value)
export const decodeReply = (bytes: Uint8Array): AuthorityReply => decode(reply, bytes, 'authority reply')
