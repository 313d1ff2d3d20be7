/** What a task at its submitter is told, and what it wants done. */
import type { LeaseId, NodeId, PeerId, Reason } from '../base/index.ts'
import type { TaskMessage } from './messages.ts'
import type { TaskChange } from './task-record.ts'

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
  | { readonly type: 'peer-lost'; readonly peer: PeerId }
  | { readonly type: 'cancel-requested' }
  /** The submitting node was started again: the attached task's user is gone. */
  | { readonly type: 'recovered' }

export type SubmitterEffect =
  | { readonly type: 'journal' }
  | { readonly type: 'place'; readonly exclude: readonly PeerId[] }
  | { readonly type: 'request-lease'; readonly holder: PeerId; readonly again: boolean }
  | { readonly type: 'take-back-lease'; readonly leaseId: LeaseId }
  | { readonly type: 'send'; readonly to: PeerId; readonly message: TaskMessage }
  /** To be passed on; when that is done, `acknowledgement` goes back to the worker. */
  | {
      readonly type: 'output'
      readonly stream: 'stdout' | 'stderr'
      readonly chunk: Uint8Array
      readonly from: PeerId
      readonly acknowledgement: TaskMessage
    }
  /** To be told to the user. */
  | { readonly type: 'changed'; readonly change: TaskChange }
  | { readonly type: 'ended' }
