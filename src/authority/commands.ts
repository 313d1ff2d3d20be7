/**
 * What can be asked of the authority, as log entries. A command is proposed by the leader on behalf of a requester; the
 * requester's peer id is stamped by the leader from the authenticated connection, never taken from the body.
 */
import { z } from 'zod'
import { decode, encode, LIMITS } from '../base/index.ts'
import {
  bytes,
  count,
  leaseId,
  peer,
  positive,
  revokeReason,
  scopeKey,
  text,
  ttlMs,
  unixMs,
} from './fields.ts'

/** Opens a session: the entry's index becomes the client id under which requests are deduplicated. */
const openSession = z.object({ type: z.literal('session.open') })

/** Gives `holder` the right to execute `scopeKey`, for `ttlMs`. */
const grantLease = z.object({ type: z.literal('lease.grant'), scopeKey, holder: peer, ttlMs })

/** Starts the holder's span anew. The first renewal by a holder that another node asked for also confirms the lease. */
const renewLease = z.object({ type: z.literal('lease.renew'), leaseId })

/** By the holder, after it is quiet; or by the grantor, as long as the holder has not confirmed. */
const releaseLease = z.object({ type: z.literal('lease.release'), leaseId })

/**
 * Takes a lease back. Without `force` the lease can no longer be renewed and its key cools until the holder has
 * released it or its span has passed; with `force` the key is free at once, and single ownership is waived.
 *
 * Only a peer whose credential has the role `admin` may ask. A pure core reads no credentials: whoever proposes checks
 * that, and the core records the requester with the lease.
 */
const revokeLease = z.object({
  type: z.literal('lease.revoke'),
  leaseId,
  force: z.boolean(),
  reason: revokeReason.optional(),
})

/** Proposed by the leader only. Names the term it was proposed in, and how many renewals the leader had seen. */
const expireLeases = z.object({
  type: z.literal('lease.expire'),
  term: count,
  leases: z.array(z.object({ leaseId, renewals: count })).max(LIMITS.expireBatchMax),
})

const createInvite = z.object({
  type: z.literal('invite.create'),
  inviteId: text(LIMITS.idBytesMax),
  /** Proves knowledge of the invite's secret; the secret itself is nowhere but in the invite. */
  derivedKey: bytes(LIMITS.inviteKeyBytesMax),
  expiresUnixMs: unixMs,
})

/** Signed credential and where its bearer can be reached. */
const rosterEntry = z.object({
  peer,
  nodeId: text(63),
  statement: bytes(LIMITS.credentialBytesMax),
  signature: bytes(LIMITS.credentialBytesMax),
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

export const clientCommandSchema = z.discriminatedUnion('type', [
  openSession,
  grantLease,
  renewLease,
  releaseLease,
  revokeLease,
  createInvite,
  admit,
])

export const commandSchema = z.discriminatedUnion('type', [
  ...clientCommandSchema.options,
  expireLeases,
  found,
])

/** What a node may ask for. */
export type ClientCommand = z.output<typeof clientCommandSchema>
/** The others are the leader's own. */
export type AuthorityCommand = z.output<typeof commandSchema>
export type CommandOf<Type extends AuthorityCommand['type']> = Extract<AuthorityCommand, { type: Type }>
export type RosterEntry = z.output<typeof rosterEntry>

/** Identifies one request over all its retries. */
const requestIdSchema = z.object({
  /** Index of the `session.open` entry. */
  session: positive,
  /** 1, 2, 3, … within the session. */
  sequence: positive,
  /** Every answer below this sequence has arrived: it need not be remembered any more. */
  answeredBelow: positive,
})
export type RequestId = z.output<typeof requestIdSchema>

/** A command in the log. */
export const proposalSchema = z.object({
  requester: peer,
  /** Absent for `session.open` and for the leader's own commands. */
  request: requestIdSchema.optional(),
  /** The leader's wall clock when it proposed: for people, never for a decision about leases. */
  atUnixMs: unixMs,
  command: commandSchema,
})
export type Proposal = z.output<typeof proposalSchema>

/** A request on its way from any node to the leader. */
export interface ClientRequest {
  readonly request?: RequestId | undefined
  readonly command: ClientCommand
}

export { rosterEntry as rosterEntrySchema }

export const encodeRosterEntry = (value: RosterEntry): Uint8Array => encode(value)
export const decodeRosterEntry = (data: Uint8Array): RosterEntry => decode(rosterEntry, data, 'roster entry')
