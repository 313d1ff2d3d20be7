/**
 * What can be asked of the authority, as log entries. A command is proposed by the leader on behalf of a requester; the
 * requester's peer id is stamped by the leader from the authenticated connection, never taken from the body.
 */
import { z } from 'zod'
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

const text = (max: number) => z.string().min(1).max(max)
const peer = text(LIMITS.idBytesMax).transform((value) => value as PeerId)
const leaseId = z
  .number()
  .int()
  .positive()
  .transform((value) => value as LeaseId)

const unixMs = z
  .number()
  .int()
  .nonnegative()
  .transform((value) => value as UnixMs)

/** Opens a session: the entry's index becomes the client id under which requests are deduplicated. */
const openSession = z.object({ type: z.literal('session.open') })

/** Gives `holder` the right to execute `scopeKey`, for `ttlMs`. */
const grantLease = z.object({
  type: z.literal('lease.grant'),
  scopeKey: text(LIMITS.scopeKeyBytesMax).transform((value) => value as ScopeKey),
  holder: peer,
  ttlMs: z.number().int().min(LIMITS.leaseTtlMsMin).max(LIMITS.leaseTtlMsMax),
})

/** Starts the holder's span anew. The first renewal by a holder that another node asked for also confirms the lease. */
const renewLease = z.object({ type: z.literal('lease.renew'), leaseId })

/** By the holder, after it is quiet; or by the grantor, as long as the holder has not confirmed. */
const releaseLease = z.object({ type: z.literal('lease.release'), leaseId })

/** Proposed by the leader only. Names the term it was proposed in, and how many renewals the leader had seen. */
const expireLeases = z.object({
  type: z.literal('lease.expire'),
  term: z.number().int().nonnegative(),
  leases: z.array(z.object({ leaseId, renewals: z.number().int().nonnegative() })).max(LIMITS.expireBatchMax),
})

const createInvite = z.object({
  type: z.literal('invite.create'),
  inviteId: text(LIMITS.idBytesMax),
  /** Proves knowledge of the invite's secret; the secret itself is nowhere but in the invite. */
  derivedKey: bytesSchema,
  expiresUnixMs: unixMs,
})

/** Signed credential and where its bearer can be reached. */
const rosterEntry = z.object({
  peer,
  nodeId: text(63),
  statement: bytesSchema,
  signature: bytesSchema,
  addresses: z.array(text(LIMITS.addressBytesMax)).max(LIMITS.addressesMax),
})

/** Uses up an invite. Whoever proposes has checked proof and credential: a pure core does no cryptography. */
const admit = z.object({
  type: z.literal('roster.admit'),
  inviteId: text(LIMITS.idBytesMax),
  entry: rosterEntry,
})

/** The first machine of a scope, written by `populi init` into the log before anyone can ask for anything. */
const found = z.object({ type: z.literal('roster.found'), entry: rosterEntry })

const command = z.discriminatedUnion('type', [
  openSession,
  grantLease,
  renewLease,
  releaseLease,
  expireLeases,
  createInvite,
  admit,
  found,
])

export type AuthorityCommand = z.output<typeof command>
export type RosterEntry = z.output<typeof rosterEntry>
/** What a node may ask for; the others are the leader's own. */
export type ClientCommand = Exclude<AuthorityCommand, { type: 'lease.expire' | 'roster.found' }>

/** Identifies one request over all its retries. */
const requestId = z.object({
  /** Index of the `session.open` entry. */
  session: z.number().int().positive(),
  /** 1, 2, 3, … within the session. */
  sequence: z.number().int().positive(),
  /** Every answer below this sequence has arrived: it need not be remembered any more. */
  answeredBelow: z.number().int().positive(),
})
export type RequestId = z.output<typeof requestId>

const proposal = z.object({
  requester: peer,
  /** Absent for `session.open` and for the leader's own commands. */
  request: requestId.optional(),
  /** The leader's wall clock when it proposed: for people, never for a decision about leases. */
  atUnixMs: unixMs,
  command,
})
export type Proposal = z.output<typeof proposal>

export const encodeProposal = (value: Proposal): Uint8Array => encode(value)
export const decodeProposal = (data: Uint8Array): Proposal => decode(proposal, data, 'authority command')

/** A request on its way from any node to the leader. */
export const clientRequestSchema = z.object({
  request: requestId.optional(),
  command: z.discriminatedUnion('type', [
    openSession,
    grantLease,
    renewLease,
    releaseLease,
    createInvite,
    admit,
  ]),
})
export { rosterEntry as rosterEntrySchema }

export const encodeRosterEntry = (value: RosterEntry): Uint8Array => encode(value)
export const decodeRosterEntry = (data: Uint8Array): RosterEntry => decode(rosterEntry, data, 'roster entry')
