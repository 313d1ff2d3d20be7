/** What an attempt at its worker is told, and what it wants done. */
import type { BootMs, LeaseId, Reason } from '../base/index.ts'
import type { Outcome, TaskMessage } from './messages.ts'
import type { RunChange } from './run-states.ts'
import type { StopCause } from './stop-causes.ts'

export type WorkerEvent =
  | { readonly type: 'offered' }
  /** The lease was renewed by this node; `sentAt` is when the renewal was sent, `ttlMs` what the authority granted. */
  | { readonly type: 'lease-confirmed'; readonly sentAt: BootMs; readonly ttlMs: number }
  /** `isOpen`: no answer came, so it may have been renewed all the same. */
  | { readonly type: 'lease-refused'; readonly reason: Reason; readonly isOpen: boolean }
  /** The submitter's own lease: it still wants the task of this attempt. */
  | { readonly type: 'submitter-confirmed'; readonly sentAt: BootMs }
  | { readonly type: 'started'; readonly pid: number }
  | { readonly type: 'stop'; readonly cause: StopCause }
  | { readonly type: 'ended'; readonly outcome: Outcome }
  /** The result reached the submitter. */
  | { readonly type: 'acknowledged' }
  /** The submitter can be reached (again): whatever it may have missed is repeated. */
  | { readonly type: 'submitter-connected' }
  /** The lease was kept for the result, and nobody came; or it was taken back. */
  | { readonly type: 'kept-long-enough' }
  /** This node was started again. `quiet`: it is proven that nothing of the attempt is left. */
  | { readonly type: 'recovered'; readonly quiet: boolean; readonly outputBytes: number }

/** When the requests were sent whose answers allowed the start: the spans of both leases count from there. */
export interface Confirmed {
  readonly leaseSentAt: BootMs | undefined
  readonly submitterSentAt: BootMs | undefined
}

export type Result = Extract<TaskMessage, { type: 'remote_task_result' }>

export type WorkerEffect =
  | { readonly type: 'journal' }
  /** As `journal`, only that nothing depends on when it happens. */
  | { readonly type: 'note' }
  | { readonly type: 'confirm-lease'; readonly leaseId: LeaseId }
  | { readonly type: 'ask-submitter' }
  | { readonly type: 'execute'; readonly confirmed: Confirmed }
  | { readonly type: 'end-execution' }
  | { readonly type: 'release-lease'; readonly leaseId: LeaseId }
  /** Nothing executes under it any more, and it is renewed until it is released. */
  | { readonly type: 'keep-lease' }
  | { readonly type: 'send'; readonly message: TaskMessage }
  /** Send it after what is still kept of the output. */
  | { readonly type: 'report'; readonly message: Result }
  | { readonly type: 'run'; readonly change: RunChange; readonly cancelLatencyMs: number | undefined }
  /** Nothing of it is needed any more but its key. */
  | { readonly type: 'forget' }
