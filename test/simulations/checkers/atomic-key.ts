/**
 * A scope key that does one thing at a time: executed, not judged, and written without a look at the checker's model. Tests
 * make histories with it, and decide with it by brute force whether a tiny history has an order.
 */

import type { HistoryOp } from '../../../simulations/checkers/linear-search.ts'
import type { LeaseCall, LeaseOutcome } from '../../../simulations/observation.ts'
import type { LeaseId, PeerId } from '../../../src/base/index.ts'

type Owner = { id: number; holder: PeerId; grantor: PeerId; begun: boolean; cooling: boolean }

export class AtomicKey {
  owner: Owner | undefined
  ids: number[] = []

  copy(): AtomicKey {
    const other = new AtomicKey()
    other.owner = this.owner && { ...this.owner }
    other.ids = [...this.ids]
    return other
  }

  /** Executes a call; a grant that succeeds takes `id`. */
  execute(requester: PeerId, call: LeaseCall, id: number): LeaseOutcome {
    if (call.kind === 'grant') {
      if (this.owner !== undefined)
        return { ok: false, code: this.owner.cooling ? 'lease.cooling' : 'lease.held' }
      const { holder } = call
      this.owner = { id, holder, grantor: requester, begun: holder === requester, cooling: false }
      this.ids.push(id)
      return { ok: true, leaseId: id as LeaseId }
    }
    if (call.kind === 'view') {
      const { owner } = this
      return owner ? { ok: true, leaseId: owner.id as LeaseId, holder: owner.holder } : { ok: true }
    }
    if (this.owner?.id !== call.leaseId) return { ok: false, code: 'lease.unknown' }
    return this.onOwned(this.owner, requester, call)
  }

  expire(id: number): boolean {
    if (this.owner?.id !== id) return false
    this.owner = undefined
    return true
  }

  private onOwned(
    owner: Owner,
    requester: PeerId,
    call: Exclude<LeaseCall, { kind: 'grant' | 'view' }>,
  ): LeaseOutcome {
    const isHolder = owner.holder === requester
    if (call.kind === 'renew') {
      if (!isHolder) return { ok: false, code: 'lease.not_holder' }
      if (owner.cooling) return { ok: false, code: 'lease.revoked' }
      owner.begun = true
      return { ok: true }
    }
    if (call.kind === 'release') {
      if (!isHolder && (owner.grantor !== requester || owner.begun))
        return { ok: false, code: 'lease.not_holder' }
      this.owner = undefined
      return { ok: true }
    }
    if (call.force || !owner.begun) this.owner = undefined
    else owner.cooling = true
    return { ok: true }
  }
}

/** Whether any order of all known operations and some of the unknown ones is a run of the key. Exponential. */
export function hasOrder(ops: readonly HistoryOp[], untold: ReadonlyMap<number, PeerId>): boolean {
  const isKnown = ({ answered }: HistoryOp): boolean => Number.isFinite(answered)
  const search = (left: readonly HistoryOp[], key: AtomicKey): boolean => {
    if (!left.some(isKnown)) return true
    const firstAnswer = Math.min(...left.map(({ answered }) => answered))
    return left.some(
      (op) =>
        op.invoked <= firstAnswer &&
        runs(key, op, untold).some((next) =>
          search(
            left.filter((x) => x !== op),
            next,
          ),
        ),
    )
  }
  return search(ops, new AtomicKey())
}

/** The keys that executing `op` may lead to with the outcome that it had. */
function runs(key: AtomicKey, { action }: HistoryOp, untold: ReadonlyMap<number, PeerId>): AtomicKey[] {
  const next = key.copy()
  if (action.kind === 'expired') return next.expire(action.leaseId) ? [next] : []
  if (action.kind === 'granted') return key.ids.includes(action.leaseId) ? [key] : []
  const { requester, call, outcome } = action
  const newest = Math.max(0, ...key.ids)
  if (outcome === undefined) {
    const ids = [...untold].filter(
      ([id, holder]) => call.kind === 'grant' && id > newest && holder === call.holder,
    )
    return (call.kind === 'grant' ? ids.map(([id]) => id) : [0]).map((id) => {
      const one = key.copy()
      one.execute(requester, call, id)
      return one
    })
  }
  const id = outcome.ok && call.kind === 'grant' ? (outcome.leaseId ?? 0) : 0
  const had = next.execute(requester, call, id)
  if (had.ok !== outcome.ok) return []
  if (!had.ok || !outcome.ok) return had.ok === outcome.ok && sameCode(had, outcome) ? [next] : []
  if (call.kind === 'grant') return id > newest ? [next] : []
  if (call.kind !== 'view') return [next]
  const sameHolder = outcome.holder === undefined || had.holder === outcome.holder
  return had.leaseId === outcome.leaseId && sameHolder ? [next] : []
}

const sameCode = (a: LeaseOutcome, b: LeaseOutcome): boolean => !a.ok && !b.ok && a.code === b.code
