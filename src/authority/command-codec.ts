/**
 * Commands as bytes, in the log and on their way to the leader.
 *
 * Both are CBOR arrays, `[requester, request, atUnixMs, command]` and `[request, command]`; what every lease costs
 * (grant, renew, release) is an array of its own without field names, the rest are maps. Measured against maps
 * throughout: a quarter of the time to decode, 60 % of the bytes, and every entry is decoded once per replica and
 * written to every disk. Reading the arrays by hand instead of by schema was measured too and rejected: the time goes
 * into CBOR, the schema's share is below 0.3 µs.
 *
 * A log may still begin with entries of version 0.1, which are maps throughout: those are read as well.
 */
import { z } from 'zod'
import { decode, encode } from '../base/index.ts'
import {
  type AuthorityCommand,
  type ClientRequest,
  clientCommandSchema,
  commandSchema,
  type Proposal,
  proposalSchema,
  type RequestId,
} from './commands.ts'
import { leaseId, peer, positive, scopeKey, ttlMs, unixMs } from './fields.ts'

/** The first item of a command that is an array. On every disk: never reorder or use again. */
const GRANT = 0
const RENEW = 1
const RELEASE = 2

type Packed = AuthorityCommand | readonly (string | number)[]

function pack(command: AuthorityCommand): Packed {
  switch (command.type) {
    case 'lease.grant':
      return [GRANT, command.scopeKey, command.holder, command.ttlMs]
    case 'lease.renew':
      return [RENEW, command.leaseId]
    case 'lease.release':
      return [RELEASE, command.leaseId]
    default:
      return command
  }
}

const packRequest = (request: RequestId | undefined): readonly number[] | null =>
  request === undefined ? null : [request.session, request.sequence, request.answeredBelow]

const hotCommand = z.union([
  z.tuple([z.literal(RENEW), leaseId]).transform(([, id]) => ({ type: 'lease.renew' as const, leaseId: id })),
  z.tuple([z.literal(GRANT), scopeKey, peer, ttlMs]).transform(([, key, holder, ttl]) => ({
    type: 'lease.grant' as const,
    scopeKey: key,
    holder,
    ttlMs: ttl,
  })),
  z
    .tuple([z.literal(RELEASE), leaseId])
    .transform(([, id]) => ({ type: 'lease.release' as const, leaseId: id })),
])

const packedRequest = z
  .tuple([positive, positive, positive])
  .nullable()
  .transform((request): RequestId | undefined =>
    request === null ? undefined : { session: request[0], sequence: request[1], answeredBelow: request[2] },
  )

const packedProposal = z.tuple([peer, packedRequest, unixMs, z.union([hotCommand, commandSchema])]).transform(
  ([requester, request, atUnixMs, command]): Proposal => ({
    requester,
    ...(request === undefined ? {} : { request }),
    atUnixMs,
    command,
  }),
)

const packedClientRequest = z
  .tuple([packedRequest, z.union([hotCommand, clientCommandSchema])])
  .transform(([request, command]): ClientRequest => ({ request, command }))

export function encodeProposal({ requester, request, atUnixMs, command }: Proposal): Uint8Array {
  return encode([requester, packRequest(request), atUnixMs, pack(command)])
}

/** @throws CodedError `wire.malformed` */
export function decodeProposal(data: Uint8Array): Proposal {
  return isMap(data)
    ? decode(proposalSchema, data, 'authority command')
    : decode(packedProposal, data, 'authority command')
}

export function encodeClientRequest({ request, command }: ClientRequest): Uint8Array {
  return encode([packRequest(request), pack(command)])
}

/** @throws CodedError `wire.malformed` */
export const decodeClientRequest = (data: Uint8Array): ClientRequest =>
  decode(packedClientRequest, data, 'authority request')

/** CBOR's major type 5 (RFC 8949 §3.1). */
const isMap = (data: Uint8Array): boolean => (data[0] ?? 0) >> 5 === 5
