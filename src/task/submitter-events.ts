/** What a task at its submitter is told, and what it wants done. */
import type { BootMs, LeaseId, NodeId, PeerId, Reason, UnixMs } from '../base/index.ts'
import type { TaskMessage } from './messages.ts'
import type { TaskChange, TaskRecord } from './task-record.ts'

/** When something is told: for the history, and for the span of a lease. */
export interface TaskTime {
  readonly wall: UnixMs
  readonly boot: BootMs
}

export type SubmitterEvent =
  | { readonly type: 'submitted' }
  | { readonly type: 'placed'; readonly peer: PeerId; readonly nodeId: NodeId; readonly reason: Reason }
  | { readonly type: 'unplaceable'; readonly reason: Reason; readonly detail: string }
  | { readonly type: 'lease-granted'; readonly leaseId: LeaseId; readonly ttlMs: number }
  /** The authority cannot be reached or has no leader. */
  | { readonly type: 'lease-unavailable'; readonly detail: string }
  /** The authority gives this holder no lease, by an admin order. */
  | { readonly type: 'holder-barred'; readonly reason: Reason; readonly detail: string }
  /** The key is still leased: to the attempt that was lost. */
  | { readonly type: 'lease-held' }
  /** The authority has expired a lease of this task's key: its holder is quiet, whether or not it can be reached. */
  | { readonly type: 'lease-expired'; readonly leaseId: LeaseId }
  | { readonly type: 'message'; readonly from: PeerId; readonly message: TaskMessage }
  /** There is a connection, or there still is one: what the peer may have missed can be repeated. */
  | { readonly type: 'peer-connected'; readonly peer: PeerId }
  | { readonly type: 'peer-lost'; readonly peer: PeerId }
  /** The time of a `wake-at` has come. */
  | { readonly type: 'span-over' }
  | { readonly type: 'cancel-requested' }
  /** The submitting node was started again. `outputEnd`: where the log of the task ends on disk. */
  | { readonly type: 'recovered'; readonly outputEnd: number }

export type SubmitterEffect = PromptEffect | OrderedEffect

/** What needs no disk, and may be begun at once. */
type PromptEffect =
  /** `patient`: this node was just started, and does not know yet who is there. */
  | { readonly type: 'place'; readonly exclude: readonly PeerId[]; readonly patient: boolean }
  /** A lease of a task that nobody knows runs out. `again`: the last try failed. */
  | { readonly type: 'request-lease'; readonly holder: PeerId; readonly again: boolean }
  | { readonly type: 'take-back-lease'; readonly leaseId: LeaseId }
  /** `span-over` is wanted at this time. */
  | { readonly type: 'wake-at'; readonly at: BootMs }
  /** `peer-connected` is wanted, or `peer-lost` when there is no connection in time. */
  | { readonly type: 'reach'; readonly peer: PeerId }

/** What is carried out in order, and not before a `journal` ahead of it is on disk. */
export type OrderedEffect =
  /** At most one per event, and the first of it. */
  | { readonly type: 'journal'; readonly record: TaskRecord }
  | { readonly type: 'send'; readonly to: PeerId; readonly message: TaskMessage }
  /** To be kept and passed on; when that is done, `acknowledgement` goes back to the worker. */
  | {
      readonly type: 'output'
      readonly stream: 'stdout' | 'stderr'
      readonly chunk: Uint8Array
      readonly acknowledgement: { readonly to: PeerId; readonly message: TaskMessage } | undefined
    }
  /** To be told to the user. */
  | { readonly type: 'changed'; readonly change: TaskChange }
  /** Nothing but the history has changed. */
  | { readonly type: 'noted'; readonly change: TaskChange }
  | { readonly type: 'cancelling' }
  | { readonly type: 'ended' }
