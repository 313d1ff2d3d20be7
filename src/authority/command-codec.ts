/**
 * Commands as bytes, in the log and on their way to the leader.
 *
 * Both are CBOR arrays, `[requester, request, atUnixMs, command]` and `[request, command]`; what every lease costs
 * (grant, renew, release) is an array of its own without field names, the rest are maps: 60 % of the bytes of maps
 * throughout, and every entry is written to every disk and decoded at every replica.
 *
 * Those three are read by hand. A reader says what a well-formed value means and leaves everything else, refusals and
 * their sentences included, to the schema; it must never accept what the schema would not, nor mean something else by it
 * (a test compares them on random values). Measured: 0.9 µs, against 4.5 µs by the schema and 4.0 µs for the maps of
 * version 0.1.
 *
 * A log may still begin with entries of version 0.1: those are read as well.
 */
import { z } from 'zod'
import { conform, decodeUnchecked, encode } from '../base/index.ts'
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
import { GRANT, RELEASE, RENEW, readClientRequest, readProposal } from './hot-commands.ts'

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
  const value = decodeUnchecked(data, 'authority command')
  return readProposal(value) ?? checkProposal(value)
}

/** By schema alone. @throws CodedError `wire.malformed` */
export const checkProposal = (value: unknown): Proposal =>
  conform(Array.isArray(value) ? packedProposal : proposalSchema, value, 'authority command')

export function encodeClientRequest({ request, command }: ClientRequest): Uint8Array {
  return encode([packRequest(request), pack(command)])
}

/** @throws CodedError `wire.malformed` */
export function decodeClientRequest(data: Uint8Array): ClientRequest {
  const value = decodeUnchecked(data, 'authority request')
  return readClientRequest(value) ?? checkClientRequest(value)
}

/** By schema alone. @throws CodedError `wire.malformed` */
export const checkClientRequest = (value: unknown): ClientRequest =>
  conform(packedClientRequest, value, 'authority request')
