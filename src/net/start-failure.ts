/** Why a host did not start, for the person who started it. libp2p gives one text for all listen addresses. */
import { CodedError } from '../base/index.ts'
import { reasonOf } from './failure.ts'

const IN_USE = /EADDRINUSE: address already in use (\S+)/
const NOT_OURS = /EADDRNOTAVAIL: address not available (\S+)/
const FORBIDDEN = /EACCES: permission denied (\S+)/

export function startFailure(thrown: unknown): CodedError {
  const reason = reasonOf(thrown)
  const inUse = IN_USE.exec(reason)?.[1]
  if (inUse !== undefined)
    return new CodedError('net.port_in_use', { address: inUse, flag: '--peer-port' }, { cause: thrown })
  const notOurs = NOT_OURS.exec(reason)?.[1]
  if (notOurs !== undefined) return badAddress(notOurs, 'an address of this machine', thrown)
  const forbidden = FORBIDDEN.exec(reason)?.[1]
  if (forbidden !== undefined) return badAddress(forbidden, 'a port that this user may listen on', thrown)
  return new CodedError(
    'internal',
    { reason: `the peer network did not start: ${reason}` },
    { cause: thrown },
  )
}

function badAddress(got: string, accepts: string, cause: unknown): CodedError {
  return new CodedError('input.invalid', { field: 'listen address', got, accepts }, { cause })
}
