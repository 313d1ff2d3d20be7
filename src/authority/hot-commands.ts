/**
 * Readers for the commands that every lease costs: `undefined` for whatever is not one of them in its plainest form, which
 * is then for the schemas of `command-codec.ts` to judge.
 */
import { type LeaseId, LIMITS, type PeerId, type ScopeKey, unixMs } from '../base/index.ts'
import type { ClientRequest, CommandOf, Proposal, RequestId } from './commands.ts'
import { isText } from './fields.ts'

/** The first item of a command that is an array. On every disk: never reorder or use again. */
export const GRANT = 0
export const RENEW = 1
export const RELEASE = 2

type HotCommand = CommandOf<'lease.grant' | 'lease.renew' | 'lease.release'>

export function readProposal(value: unknown): Proposal | undefined {
  if (!isArray(value, 4)) return undefined
  const [requester, packedRequest, at, packedCommand] = value
  const request = readRequest(packedRequest)
  const command = readCommand(packedCommand)
  if (!isText(requester, LIMITS.idBytesMax) || !isCount(at)) return undefined
  if (request === undefined || command === undefined) return undefined
  return { requester: requester as PeerId, request, atUnixMs: unixMs(at), command }
}

export function readClientRequest(value: unknown): ClientRequest | undefined {
  if (!isArray(value, 2)) return undefined
  const request = readRequest(value[0])
  const command = readCommand(value[1])
  return request === undefined || command === undefined ? undefined : { request, command }
}

function readRequest(value: unknown): RequestId | undefined {
  if (!isArray(value, 3)) return undefined
  const [session, sequence, answeredBelow] = value
  if (!isPositive(session) || !isPositive(sequence) || !isPositive(answeredBelow)) return undefined
  return { session, sequence, answeredBelow }
}

function readCommand(value: unknown): HotCommand | undefined {
  if (isArray(value, 4)) return readGrant(value)
  if (!isArray(value, 2)) return undefined
  const [code, leaseId] = value
  if (!isPositive(leaseId)) return undefined
  if (code === RENEW) return { type: 'lease.renew', leaseId: leaseId as LeaseId }
  return code === RELEASE ? { type: 'lease.release', leaseId: leaseId as LeaseId } : undefined
}

function readGrant([code, scopeKey, holder, ttlMs]: readonly unknown[]): HotCommand | undefined {
  if (code !== GRANT || !isText(scopeKey, LIMITS.scopeKeyBytesMax)) return undefined
  if (!isText(holder, LIMITS.idBytesMax) || !isPositive(ttlMs)) return undefined
  if (ttlMs < LIMITS.leaseTtlMsMin || ttlMs > LIMITS.leaseTtlMsMax) return undefined
  return { type: 'lease.grant', scopeKey: scopeKey as ScopeKey, holder: holder as PeerId, ttlMs }
}

const isArray = (value: unknown, length: number): value is readonly unknown[] =>
  Array.isArray(value) && value.length === length
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isPositive = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0
