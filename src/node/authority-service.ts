import { clientRequestSchema, type Lease } from '../authority/index.ts'
import { CodedError, decode, LIMITS, type Logger, type PeerId, toCodedError } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'
import type { AuthorityDriver } from './authority-driver.ts'
import {
  AUTHORITY_METHODS,
  type AuthorityReply,
  type AuthorityViewBody,
  decodeForwardBatch,
  encodeReply,
  encodeReplyBatch,
} from './authority-protocol.ts'
import type { Rpc } from './rpc.ts'

/** Answers the authority's rpc methods at this node; a node that does not lead says who does. */
export function serveAuthority(rpc: Rpc, driver: AuthorityDriver, core: RaftCore, logger: Logger): void {
  const redirect = (): AuthorityReply => {
    const { leader } = driver
    return leader === undefined ? { type: 'redirect' } : { type: 'redirect', leader }
  }

  const serve = async (from: PeerId, bytes: Uint8Array): Promise<AuthorityReply> => {
    const { request, command } = decode(clientRequestSchema, bytes, 'authority request')
    if (request === undefined && command.type !== 'session.open') {
      throw new CodedError('wire.malformed', { what: 'authority request', reason: 'a session is needed' })
    }
    if (core.status.role !== 'leader') return redirect()
    return { type: 'answer', answer: await driver.propose(from, request, command) }
  }

  const failed = (thrown: unknown): AuthorityReply => {
    const error = toCodedError(thrown)
    if (error.code === 'internal') logger.error({ err: error }, 'an authority request failed')
    const { code, message, hint } = error.toShape()
    return { type: 'error', code, message: message.slice(0, LIMITS.errorTextBytesMax), hint }
  }

  rpc.handle(AUTHORITY_METHODS.request, async (from: PeerId, body) => {
    const replies = decodeForwardBatch(body).map((bytes) => serve(from, bytes).catch(failed))
    return encodeReplyBatch(await Promise.all(replies))
  })

  rpc.handle(AUTHORITY_METHODS.view, async () => {
    if (!driver.governs) return encodeReply(redirect())
    return encodeReply({ type: 'view', view: viewOf(driver, core) })
  })
}

function viewOf(driver: AuthorityDriver, core: RaftCore): AuthorityViewBody {
  const { term, commitIndex, configuration } = core.status
  const leases: readonly Lease[] = driver.machine.leases()
  return {
    leases: leases
      .slice(0, LIMITS.leaseViewRowsMax)
      .map(({ leaseId, scopeKey, holder, ttlMs, grantedUnixMs, renewals }) => ({
        leaseId,
        scopeKey,
        holder,
        ttlMs,
        grantedUnixMs,
        renewals,
      })),
    leasesTotal: leases.length,
    leader: core.status.self,
    voters: [...configuration.voters],
    term,
    commitIndex,
    appliedIndex: driver.machine.appliedIndex,
  }
}
