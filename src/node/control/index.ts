/**
 * node/control: the channel between a running node and its owner on the same machine: a unix socket in the data
 * directory. `NodeControl` is what a node offers, the server exposes it, the client calls it.
 */

export { EVENT_KINDS, EVENT_TYPES, type EventKind } from '../event-types.ts'
export type { NodeEvent } from '../node-events.ts'
export { ControlClient } from './control-client.ts'
export { toJson } from './control-messages.ts'
export { type ControlServer, createControlServer } from './control-server.ts'
export { controlSocketPath } from './control-socket.ts'
export {
  type AuthorityView,
  type EventNotice,
  type EventQuery,
  type InviteRequest,
  type InviteView,
  type LeaseView,
  type LogEvent,
  type LogRequest,
  type NodeControl,
  type NodeControlClient,
  type NodeOrdersView,
  type NodeView,
  type OrderRequest,
  type OrderView,
  type RevokeRequest,
  type RunEvent,
  type RunRequest,
  type StatusView,
  TASK_STATES,
  type TaskDetailView,
  type TaskState,
  type TaskView,
} from './node-control.ts'
