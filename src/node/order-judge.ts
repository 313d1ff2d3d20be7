/**
 * Whether an order that came in counts: what it says of itself against what this node knows of its issuer. Cheap questions
 * come first, the signature last, so that a flood of nonsense costs no cryptography.
 *
 * Somebody whom this node does not know *yet* is no offence: roster and orders travel separately, so an order may be faster than
 * the credential of whom it is about. It is left out, and asked for again when the roster has grown.
 */
import { CodedError, LIMITS, type PeerId, type ScopeId } from '../base/index.ts'
import { type Order, readOrder, type SignedOrder } from '../membership/index.ts'
import type { RosterBook } from './roster-book.ts'

/** Signs as this node and checks the signatures of all; handed in, since a simulation has no keys. */
export interface OrderKeys {
  sign(statement: Uint8Array): Uint8Array
  verify(issuer: PeerId, statement: Uint8Array, signature: Uint8Array): boolean
}

/**
 * - `foreign_scope`: it was given for another mesh.
 * - `not_admin`: its issuer may not give orders.
 * - `implausible_time`: it claims to be of a time that nobody could supersede.
 * - `forged`: it does not carry the signature of its issuer.
 */
export type Objection = 'foreign_scope' | 'not_admin' | 'implausible_time' | 'forged'

type Judgement =
  | { readonly type: 'valid'; readonly order: Order }
  /** Its issuer or its subject is not in the roster. */
  | { readonly type: 'strangers' }
  | { readonly type: 'refused'; readonly why: Objection }

export interface OrderJudgeInit {
  readonly scopeId: ScopeId
  readonly roster: Pick<RosterBook, 'isAdmitted' | 'isAdmin'>
  readonly keys: OrderKeys
}

export function judgeOrder(order: Order, { scopeId, roster, keys }: OrderJudgeInit): Judgement {
  const { says, signed } = order
  const refused = (why: Objection): Judgement => ({ type: 'refused', why })
  if (says.scopeId !== scopeId) return refused('foreign_scope')
  if (says.wallMs > LIMITS.orderTimeUnixMsMax) return refused('implausible_time')
  if (!roster.isAdmitted(says.issuer) || !roster.isAdmitted(says.subject)) return { type: 'strangers' }
  if (!roster.isAdmin(says.issuer)) return refused('not_admin')
  if (!keys.verify(says.issuer, signed.statement, signed.signature)) return refused('forged')
  return { type: 'valid', order }
}

/** `undefined` when it cannot be read: damaged, or written by a version that has other orders. */
export function tryRead(signed: SignedOrder): Order | undefined {
  try {
    return readOrder(signed)
  } catch (thrown) {
    if (thrown instanceof CodedError) return undefined
    throw thrown
  }
}
