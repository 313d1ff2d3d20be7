/** The authority's part in admin orders: a holder that may not work gets no lease, and keeps none. It may always give one back. */
import type { ClientCommand } from '../authority/index.ts'
import { CodedError, type ErrorCode, type PeerId, type UnixMs } from '../base/index.ts'
import { endOf, type Obstacle, obstacleOf, type Standing } from '../membership/index.ts'

const CODES = {
  quarantined: 'lease.holder_quarantined',
  retired: 'lease.holder_retired',
  maintenance: 'lease.holder_in_maintenance',
} as const satisfies Record<Obstacle, ErrorCode>

/** What the authority refused a lease for; `undefined` when it was something else. */
export function obstacleOfRefusal(code: ErrorCode): Obstacle | undefined {
  return (['quarantined', 'retired', 'maintenance'] as const).find((obstacle) => CODES[obstacle] === code)
}

interface OrdersInForce {
  readonly standing: (peer: PeerId) => Standing
  readonly nameOf: (peer: PeerId) => string
  readonly now: UnixMs
}

/**
 * Asked by the leader before it proposes, so that neither an old worker nor a submitter that has not heard gets around an
 * order. It asks no quorum and is no entry: an order is not part of the replicated state.
 * @throws CodedError `lease.holder_quarantined`, `lease.holder_retired`, `lease.holder_in_maintenance`
 */
export function refuseBarredHolder(from: PeerId, command: ClientCommand, orders: OrdersInForce): void {
  const refuse = (holder: PeerId, obstacle: Obstacle | undefined): void => {
    if (obstacle !== undefined) throw new CodedError(CODES[obstacle], { holder: orders.nameOf(holder) })
  }
  if (command.type === 'lease.grant') refuse(command.holder, obstacleOf(orders.standing(command.holder)))
  if (command.type === 'lease.renew') refuse(from, endOf(orders.standing(from), orders.now))
}
