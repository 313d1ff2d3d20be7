/**
 * What one scope key is, as a sequential object: the specification that a history is held against. Written from design §7
 * and not from the state machine, which it must be able to contradict.
 *
 *     free ──grant──► held(lease, holder) ──release, forced revoke, expiry──► free
 *                       │ renew: confirmed      └─ revoke: cools; only release, force or expiry end it
 *
 * Lease ids rise. All ids of a key are known when its history is judged (each was answered to a client, or its grant was
 * applied somewhere), so the next grant of a key is always that of the next id: the order of grants needs no search.
 *
 * Expiry is the one transition that no client asks for. It is in the history as the recorded fact that an entry ended the
 * lease, and takes effect some time before it was first applied; whether it came too early is not asked here
 * (`NoEarlyExpiry`). Rejected: letting a held lease become free at any moment, which explains away every lost lease.
 */
import { type LeaseId, type PeerId, unreachable } from '../../src/base/index.ts'
import type { LeaseCall, LeaseOutcome } from '../observation.ts'

export interface HeldKey {
  readonly leaseId: LeaseId
  readonly holder: PeerId
  readonly grantor: PeerId
  /** The holder has renewed, or asked for the lease itself: it may execute, and only it may give the lease back. */
  readonly confirmed: boolean
  /** Cools: can be neither renewed nor granted. */
  readonly revoked: boolean
}

export interface KeyState {
  /** The newest id that was granted; 0 before the first. */
  readonly lastId: number
  readonly held: HeldKey | undefined
}

export const NEVER_GRANTED: KeyState = { lastId: 0, held: undefined }

/** The next id of the key, and for a grant that no client was told of, whom it was applied for. */
export interface NextGrant {
  readonly leaseId: LeaseId
  readonly untoldHolder: PeerId | undefined
}

export type Action =
  /** `outcome` is `undefined` when nobody knows it. */
  | {
      readonly kind: 'call'
      readonly requester: PeerId
      readonly call: LeaseCall
      readonly outcome: LeaseOutcome | undefined
    }
  | { readonly kind: 'expired'; readonly leaseId: LeaseId }
  /** The grant of this id was applied: from now on it has happened. */
  | { readonly kind: 'granted'; readonly leaseId: LeaseId }

/**
 * The state after the action, `state` itself when it changes nothing, `undefined` when it cannot happen in this state. An
 * action of unknown outcome is tried as a success.
 */
export function applyAction(
  state: KeyState,
  action: Action,
  next: NextGrant | undefined,
): KeyState | undefined {
  switch (action.kind) {
    case 'expired':
      return state.held?.leaseId === action.leaseId ? free(state) : undefined
    case 'granted':
      return state.lastId >= action.leaseId ? state : undefined
    case 'call': {
      const { outcome, call, requester } = action
      if (outcome?.ok === false) return refusalFits(state, call, requester, outcome.code) ? state : undefined
      return succeed(state, call, requester, outcome, next)
    }
    default:
      return unreachable(action)
  }
}

/** What a refusal says. `unknown`: the operation may have taken effect all the same, or may yet. */
export function meaningOf(outcome: LeaseOutcome): 'known' | 'unknown' {
  return outcome.ok || REFUSALS.has(outcome.code) ? 'known' : 'unknown'
}

const REFUSALS: ReadonlySet<string> = new Set([
  'lease.held',
  'lease.cooling',
  'lease.unknown',
  'lease.not_holder',
  'lease.revoked',
  'lease.too_many',
  'credential.invalid',
])

function refusalFits(state: KeyState, call: LeaseCall, requester: PeerId, code: string): boolean {
  const { held } = state
  if (code === 'lease.held') return call.kind === 'grant' && held?.revoked === false
  if (code === 'lease.cooling') return call.kind === 'grant' && held?.revoked === true
  const named = 'leaseId' in call && held?.leaseId === call.leaseId ? held : undefined
  switch (code) {
    case 'lease.unknown':
      return 'leaseId' in call && named === undefined
    case 'lease.not_holder':
      if (named === undefined || call.kind === 'revoke') return false
      return call.kind === 'release' ? !mayRelease(named, requester) : named.holder !== requester
    case 'lease.revoked':
      return call.kind === 'renew' && named?.holder === requester && named.revoked
    default:
      // Not about this key.
      return true
  }
}

function succeed(
  state: KeyState,
  call: LeaseCall,
  requester: PeerId,
  outcome: Extract<LeaseOutcome, { ok: true }> | undefined,
  next: NextGrant | undefined,
): KeyState | undefined {
  const { held } = state
  if (call.kind === 'grant') return granted(state, call, requester, outcome, next)
  if (call.kind === 'view') {
    if (outcome === undefined) return state
    const fits = outcome.holder === undefined || outcome.holder === held?.holder
    return outcome.leaseId === held?.leaseId && fits ? state : undefined
  }
  if (held?.leaseId !== call.leaseId) return undefined
  if (call.kind === 'release') return mayRelease(held, requester) ? free(state) : undefined
  if (call.kind === 'renew') {
    if (held.holder !== requester || held.revoked) return undefined
    return held.confirmed ? state : { ...state, held: { ...held, confirmed: true } }
  }
  if (call.force || !held.confirmed) return free(state)
  return held.revoked ? state : { ...state, held: { ...held, revoked: true } }
}

function granted(
  state: KeyState,
  call: Extract<LeaseCall, { kind: 'grant' }>,
  requester: PeerId,
  outcome: Extract<LeaseOutcome, { ok: true }> | undefined,
  next: NextGrant | undefined,
): KeyState | undefined {
  if (state.held !== undefined || next === undefined) return undefined
  const { leaseId, untoldHolder } = next
  const fits = outcome === undefined ? untoldHolder === call.holder : outcome.leaseId === leaseId
  if (!fits) return undefined
  const { holder } = call
  return {
    lastId: leaseId,
    held: { leaseId, holder, grantor: requester, confirmed: holder === requester, revoked: false },
  }
}

/** The holder, when it is quiet; the grantor, before the holder has begun. */
function mayRelease(held: HeldKey, requester: PeerId): boolean {
  return held.holder === requester || (held.grantor === requester && !held.confirmed)
}

function free({ lastId }: KeyState): KeyState {
  return { lastId, held: undefined }
}

/** Equal texts mean equal states. */
export function stateKey({ lastId, held }: KeyState): string {
  if (held === undefined) return `${lastId}`
  return `${lastId} ${held.holder} ${held.grantor} ${held.confirmed ? 'c' : ''}${held.revoked ? 'r' : ''}`
}
