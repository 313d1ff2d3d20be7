/**
 * The rows of the replicated state, and each as the bytes that stores keep and snapshots carry.
 *
 * What changes with every request (leases, sessions, answers) is an array that begins with its version: half the time
 * and bytes of a map. Invites and roster entries, written once, stay maps. Values of version 0.1, which are maps
 * throughout, are read as well, and written again in today's form when they next change (`tables.ts` splits the old
 * sessions, which held their answers).
 */
import { z } from 'zod'
import { bytesSchema, decode, encode, LIMITS } from '../base/index.ts'
import { type Answer, accepted, answerSchema } from './answers.ts'
import { type RosterEntry, rosterEntrySchema } from './commands.ts'
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

/** How one table's rows become bytes and come back. `decode` throws CodedError `wire.malformed`. */
export interface RowFormat<Row> {
  encode(row: Row): Uint8Array
  decode(value: Uint8Array): Row
}

const VERSION = z.literal(2, { error: 'another version of populi wrote it' })

/** Whether a value is of version 0.1: a map, CBOR's major type 5. */
export const isVersion1 = (value: Uint8Array): boolean => (value[0] ?? 0) >> 5 === 5

const revocation = z.object({ by: peer, atUnixMs: unixMs, reason: revokeReason.optional() })

const leaseFields = z.object({
  leaseId,
  scopeKey,
  holder: peer,
  /** Who asked for the grant: the holder itself, or the submitter of a task for its worker. */
  grantor: peer,
  ttlMs,
  grantedUnixMs: unixMs,
  /** How many renewals were applied. 0 and `grantor !== holder`: the holder has not confirmed, so it has not started. */
  renewals: count,
  /** Set when the lease was taken back: it cannot be renewed, and its key cools until it ends. */
  revocation: revocation.optional(),
})
/** A live lease. A lease that has ended has no row. */
export type Lease = z.output<typeof leaseFields>

const packedLease = z
  .tuple([VERSION, leaseId, scopeKey, peer, peer, ttlMs, unixMs, count, revocation.nullable()])
  .transform(
    ([, id, key, holder, grantor, ttl, grantedUnixMs, renewals, revoked]): Lease => ({
      leaseId: id,
      scopeKey: key,
      holder,
      grantor,
      ttlMs: ttl,
      grantedUnixMs,
      renewals,
      ...(revoked === null ? {} : { revocation: revoked }),
    }),
  )

export const leaseFormat: RowFormat<Lease> = {
  encode: (lease) =>
    encode([
      2,
      lease.leaseId,
      lease.scopeKey,
      lease.holder,
      lease.grantor,
      lease.ttlMs,
      lease.grantedUnixMs,
      lease.renewals,
      lease.revocation ?? null,
    ]),
  decode: (value) => decode(isVersion1(value) ? leaseFields : packedLease, value, 'lease record'),
}

export interface Session {
  /** Log index of the last request: sessions beyond the limit are forgotten in this order. */
  readonly lastUsed: number
  readonly requester: string
  /** Answers below this sequence are forgotten: they had arrived. */
  readonly answeredBelow: number
}

const packedSession = z
  .tuple([VERSION, count, peer, positive])
  .transform(([, lastUsed, requester, answeredBelow]): Session => ({ lastUsed, requester, answeredBelow }))

export const sessionFormat: RowFormat<Session> = {
  encode: ({ lastUsed, requester, answeredBelow }) => encode([2, lastUsed, requester, answeredBelow]),
  decode: (value) => decode(packedSession, value, 'session record'),
}

const session1 = z.object({
  lastUsed: count,
  requester: peer,
  answers: z
    .array(
      z.object({
        sequence: positive,
        answer: bytesSchema.transform((value) => decode(answerSchema, value, 'remembered answer')),
      }),
    )
    .max(LIMITS.sessionInFlightMax),
  answeredBelow: positive,
})

/** A session of version 0.1 with its answers. @throws CodedError `wire.malformed` */
export function decodeSession1(value: Uint8Array): {
  session: Session
  answers: readonly RememberedAnswer[]
} {
  const { answers, ...session } = decode(session1, value, 'session record')
  return { session, answers }
}

interface RememberedAnswer {
  readonly sequence: number
  readonly answer: Answer
}

/** How many sequences share one row: few enough to write one again per request, enough that most requests add no row. */
export const ANSWERS_PER_PAGE = 16
export const pageOf = (sequence: number): number => Math.floor(sequence / ANSWERS_PER_PAGE)
export const pageKey = (session: string | number, page: number): string => `${session}/${page}`

/** The answers that one session remembers out of `ANSWERS_PER_PAGE` successive sequences, rising. */
export type AnswerPage = readonly RememberedAnswer[]

const details = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
const packedAnswer = z.union([
  z
    .tuple([positive, count, positive.nullable(), bytesSchema.nullable()])
    .transform(([sequence, id, ttl, data]): RememberedAnswer => {
      const more = { ...(ttl === null ? {} : { ttlMs: ttl }), ...(data === null ? {} : { data }) }
      return { sequence, answer: accepted(id, more) }
    }),
  z.tuple([positive, z.string(), details]).transform(
    ([sequence, code, given]): RememberedAnswer => ({
      sequence,
      answer: { ok: false, code, details: given },
    }),
  ),
])

const packedPage = z
  .tuple([VERSION, z.array(packedAnswer).min(1).max(ANSWERS_PER_PAGE)])
  .transform(([, page]): AnswerPage => page)

export const answersFormat: RowFormat<AnswerPage> = {
  encode: (page) => encode([2, page.map(packAnswer)]),
  decode: (value) => decode(packedPage, value, 'answers record'),
}

function packAnswer({ sequence, answer }: RememberedAnswer): readonly unknown[] {
  return answer.ok
    ? [sequence, answer.id, answer.ttlMs ?? null, answer.data ?? null]
    : [sequence, answer.code, answer.details]
}

const invite = z.object({
  inviteId: text(LIMITS.idBytesMax),
  derivedKey: bytes(LIMITS.inviteKeyBytesMax),
  expiresUnixMs: unixMs,
  /** Set when used up. Kept until it expires, so that a lost answer can be repeated to the same peer. */
  usedBy: peer.optional(),
})
export type Invite = z.output<typeof invite>

export const inviteFormat: RowFormat<Invite> = {
  encode: (row) => encode(row),
  decode: (value) => decode(invite, value, 'invite record'),
}

export const rosterFormat: RowFormat<RosterEntry> = {
  encode: (row) => encode(row),
  decode: (value) => decode(rosterEntrySchema, value, 'roster record'),
}
