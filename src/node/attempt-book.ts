import type { LeaseId, PeerId } from '../base/index.ts'
import type { WorkerAttempt } from './worker-attempt.ts'

/** The attempts at this worker that are not finished, by whatever they are asked for: no message looks at all of them. */
export class AttemptBook {
  private readonly byKey = new Map<string, WorkerAttempt>()
  private readonly byLease = new Map<LeaseId, WorkerAttempt>()
  private readonly bySubmitter = new Map<PeerId, Set<WorkerAttempt>>()
  /** Not ended. */
  readonly live = new Set<WorkerAttempt>()
  /** Those that time matters to; who looks takes out what does not belong here any more. */
  readonly timed = new Set<WorkerAttempt>()
  /** In the order of their ends: the outbox. */
  readonly ended = new Set<WorkerAttempt>()

  add(attempt: WorkerAttempt): void {
    const { submitter, record } = attempt.task
    this.byKey.set(attempt.key, attempt)
    if (record.leaseId !== undefined) this.byLease.set(record.leaseId, attempt)
    const siblings = this.bySubmitter.get(submitter)
    if (siblings === undefined) this.bySubmitter.set(submitter, new Set([attempt]))
    else siblings.add(attempt)
    ;(attempt.ended ? this.ended : this.live).add(attempt)
    this.timed.add(attempt)
  }

  hasEnded(attempt: WorkerAttempt): void {
    if (!this.live.delete(attempt)) return
    this.ended.add(attempt)
    // To the end of its submitter's, too: results are relayed in the order of their ends.
    const siblings = this.bySubmitter.get(attempt.task.submitter)
    siblings?.delete(attempt)
    siblings?.add(attempt)
  }

  remove(attempt: WorkerAttempt): void {
    const { submitter, record } = attempt.task
    this.byKey.delete(attempt.key)
    if (record.leaseId !== undefined) this.byLease.delete(record.leaseId)
    this.live.delete(attempt)
    this.ended.delete(attempt)
    this.timed.delete(attempt)
    const siblings = this.bySubmitter.get(submitter)
    siblings?.delete(attempt)
    if (siblings?.size === 0) this.bySubmitter.delete(submitter)
  }

  get(key: string): WorkerAttempt | undefined {
    return this.byKey.get(key)
  }

  underLease(leaseId: LeaseId): WorkerAttempt | undefined {
    return this.byLease.get(leaseId)
  }

  of(submitter: PeerId): Iterable<WorkerAttempt> {
    return [...(this.bySubmitter.get(submitter) ?? [])]
  }

  /** Who waits for something of ours. */
  submitters(): Iterable<PeerId> {
    return this.bySubmitter.keys()
  }
}
