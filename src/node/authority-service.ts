import { decodeClientRequest, type Lease } from '../authority/index.ts'
import { CodedError, LIMITS, type PeerId } from '../base/index.ts'
import type { RaftCore } from '../raft/index.ts'
import type { AuthorityDriver } from './authority-driver.ts'
import { AUTHORITY_METHODS, type AuthorityViewBody, encodeReply } from './authority-protocol.ts'
import type { Rpc } from './rpc.ts'

/** Answers the authority's rpc methods at this node; a node that does not lead says who does. */
export function serveAuthority(rpc: Rpc, driver: AuthorityDriver, core: RaftCore): void {
  const redirect = (): Uint8Array => {
    const { leader } = driver
    return encodeReply(leader === undefined ? { type: 'redirect' } : { type: 'redirect', leader })
  }

  rpc.handle(AUTHORITY_METHODS.request, async (from: PeerId, body) => {
    const { request, command } = decodeClientRequest(body)
    if (request === undefined && command.type !== 'session.open') {
      throw new CodedError('wire.malformed', { what: 'authority request', reason: 'a session is needed' })
    }
    if (core.status.role !== 'leader') return redirect()
    return encodeReply({ type: 'answer', answer: await driver.propose(from, request, command) })
  })

  rpc.handle(AUTHORITY_METHODS.view, async () => {
    if (!driver.governs) return redirect()
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
