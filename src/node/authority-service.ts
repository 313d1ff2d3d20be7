import { type ClientCommand, decodeClientRequest, type Lease } from '../authority/index.ts'
import { CodedError, LIMITS, type Logger, type PeerId, toCodedError } from '../base/index.ts'
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
import type { AutopilotDriver } from './autopilot-driver.ts'
import type { Rpc } from './rpc.ts'

interface AuthorityServiceInit {
  readonly rpc: Rpc
  readonly driver: AuthorityDriver
  readonly autopilot: AutopilotDriver
  readonly core: RaftCore
  readonly logger: Logger
  /** As `RaftDriver.readBarrier`. */
  readonly readBarrier: () => Promise<void>
  /** Whether the peer's credential lets it give orders that concern others. */
  readonly isAdmin: (peer: PeerId) => boolean
  /** Throws when an admin order stands against what `from` asks for. */
  readonly refuseBarred: (from: PeerId, command: ClientCommand) => void
}

/** An election on a LAN takes less; and whoever asks has patience for a whole try. */
const LEADER_PATIENCE_MS = 500

/** Answers the authority's rpc methods at this node; a node that does not lead says who does. */
export function serveAuthority(init: AuthorityServiceInit): void {
  const { rpc, driver, autopilot, core, logger } = init
  const redirect = (): AuthorityReply => {
    const { leader } = driver
    return leader === undefined ? { type: 'redirect' } : { type: 'redirect', leader }
  }

  const serve = async (from: PeerId, bytes: Uint8Array): Promise<AuthorityReply> => {
    const { request, command } = decodeClientRequest(bytes)
    if (request === undefined && command.type !== 'session.open') {
      throw new CodedError('wire.malformed', { what: 'authority request', reason: 'a session is needed' })
    }
    if (command.type === 'lease.revoke' && !init.isAdmin(from))
      throw new CodedError('credential.not_admin', { peer: from })
    if (driver.leader === undefined) await driver.leaderNews(undefined, LEADER_PATIENCE_MS)
    if (core.status.role !== 'leader') return redirect()
    init.refuseBarred(from, command)
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
    await init.readBarrier()
    return encodeReply({ type: 'view', view: viewOf(init) })
  })

  rpc.handle(AUTHORITY_METHODS.rejoin, async (from: PeerId) => {
    if (!driver.governs) return encodeReply(redirect())
    const { index, term } = await autopilot.forget(from)
    return encodeReply({ type: 'forgotten', index, term })
  })
}

function viewOf({ driver, autopilot, core }: AuthorityServiceInit): AuthorityViewBody {
  const { advice } = autopilot
  const { term, commitIndex, committedConfiguration: configuration } = core.status
  const leases: readonly Lease[] = driver.machine.leases()
  return {
    leases: leases
      .slice(0, LIMITS.leaseViewRowsMax)
      .map(({ leaseId, scopeKey, holder, ttlMs, grantedUnixMs, renewals, revocation }) => ({
        leaseId,
        scopeKey,
        holder,
        ttlMs,
        grantedUnixMs,
        renewals,
        revoked: revocation !== undefined,
      })),
    leasesTotal: leases.length,
    leader: core.status.self,
    voters: [...configuration.voters],
    learners: [...configuration.learners],
    ...(advice === undefined ? {} : { advice }),
    term,
    commitIndex,
    appliedIndex: driver.machine.appliedIndex,
  }
}
