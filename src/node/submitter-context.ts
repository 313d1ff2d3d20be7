import type { Clock, CodedError, Logger, PeerId } from '../base/index.ts'
import type { JournalStore, OutputLogs, SubmitterEvent, TaskRecord } from '../task/index.ts'
import type { AuthorityClient } from './authority-client.ts'
import type { EventSources } from './event-sources.ts'
import type { Scheduler, Transport } from './ports.ts'
import type { Submission } from './submission.ts'
import type { TaskLink } from './task-link.ts'

/** What every submission at this node needs. */
export interface SubmitterContext {
  readonly transport: Transport
  readonly authority: AuthorityClient
  readonly journal: JournalStore
  /** By task id. */
  readonly outputs: OutputLogs
  readonly link: TaskLink
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly events: EventSources
  readonly leaseTtlMs: number
  /** Asks placement where the task should run. */
  readonly place: (record: TaskRecord, exclude: readonly PeerId[]) => SubmitterEvent
  readonly fatal: (error: CodedError) => void
  /** A task has its final result. */
  readonly ended: (submission: Submission) => void
  /** The stores are about to be closed: nothing begins any more. */
  readonly isStopped: () => boolean
}
