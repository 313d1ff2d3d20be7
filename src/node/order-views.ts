/** Admin orders as a node's record tells them, and as people see them. */
import type { NodeId, PeerId, UnixMs } from '../base/index.ts'
import type { NodeRecord, Order, Standing } from '../membership/index.ts'
import type { NodeOrdersView, OrderRequest, OrderView } from './control/node-control.ts'
import type { NewOrder } from './orders-driver.ts'

/** What a node says in its record of the orders that it follows. A legacy client knows no retired nodes: to it they are quarantined. */
export function ownOrderFields({
  isQuarantined,
  isRetired,
  maintenance,
}: Standing): Pick<NodeRecord, 'quarantined' | 'maintenance' | 'maintenance_until_unix_ms'> {
  return {
    quarantined: isQuarantined || isRetired,
    maintenance: maintenance !== undefined,
    maintenance_until_unix_ms: maintenance?.untilUnixMs ?? null,
  }
}

/** @param record what the node itself says; `undefined` when it was never heard of. */
export function nodeOrdersView(standing: Standing, record: NodeRecord | undefined): NodeOrdersView {
  const { isQuarantined: quarantined, isRetired: retired, maintenance } = standing
  const own = ownOrderFields(standing)
  return {
    quarantined,
    retired,
    maintenance: maintenance !== undefined,
    maintenanceUntilUnixMs: maintenance?.untilUnixMs,
    drainDeadlineUnixMs: maintenance?.drainDeadlineUnixMs,
    isFollowed:
      (record?.quarantined === true) === own.quarantined &&
      (record?.maintenance === true) === own.maintenance,
  }
}

export function orderView({ says }: Order, nameOf: (peer: PeerId) => NodeId | undefined): OrderView {
  const { subject, issuer, field, on, reason, wallMs } = says
  const isTimed = says.field === 'maintenance'
  return {
    node: nameOf(subject) ?? (subject as string as NodeId),
    field,
    on,
    reason,
    untilUnixMs: isTimed ? says.untilUnixMs : undefined,
    drainDeadlineUnixMs: isTimed ? says.drainDeadlineUnixMs : undefined,
    issuer: nameOf(issuer) ?? (issuer as string as NodeId),
    givenUnixMs: wallMs as UnixMs,
  }
}

/** Spans become times by the clock of the node that gives the order, so that everybody means the same moment. */
export function newOrder(subject: PeerId, request: OrderRequest, nowUnixMs: number): NewOrder {
  const { field, on, reason, until, drainMs } = request
  if (field !== 'maintenance') return { subject, field, on, reason }
  const untilUnixMs =
    until === undefined ? undefined : 'inMs' in until ? nowUnixMs + until.inMs : until.atUnixMs
  const drainDeadlineUnixMs = drainMs === undefined ? undefined : nowUnixMs + drainMs
  return { subject, field, on, reason, untilUnixMs, drainDeadlineUnixMs }
}
