/**
 * The worker's side of all attempts that were offered to this node: takes or refuses them, keeps their journal, and tells each what
 * it must know of messages, connections, leases that were taken back, and time.
 */
import { CodedError, type LeaseId, LIMITS, type PeerId, type Reason, toCodedError } from '../base/index.ts'
import { isFunctionHost, type Leftover } from '../exec/index.ts'
import { isDrainOver, obstacleOf } from '../membership/index.ts'
import {
  attemptKey,
  decodeOfferRecord,
  type Envelope,
  functionOf,
  type JournalStore,
  OfferedTask,
  type OfferRecord,
  offerFromCancel,
  offerFromEnvelope,
  type TaskMessage,
} from '../task/index.ts'
import { AttemptBook } from './attempt-book.ts'
import { executionIdOf } from './execution-spec.ts'
import { FinishedOffers } from './finished-offers.ts'
import { OfferJournal } from './offer-journal.ts'
import type { Cancel } from './ports.ts'
import { WorkerAttempt } from './worker-attempt.ts'
import type { WorkerContext } from './worker-context.ts'

/** Renewals are due at thirds of a TTL of at least a second: a tenth of that is fine enough. */
const TICK_MS = 50

type CancelMessage = Extract<TaskMessage, { type: 'remote_task_cancel' }>

/** A submitter that takes an attempt for over says so with one of these; every other reason is its user's wish. */
const GIVEN_UP: ReadonlySet<string> = new Set(['stale_lease', 'unknown_task'])

interface WorkerInit extends Omit<WorkerContext, 'journal' | 'ended' | 'forget'> {
  readonly journal: JournalStore
  readonly scope: string
  /** Whether work of other nodes is taken at all (promise P7). */
  readonly remoteExecute: boolean
}

export class Worker {
  private readonly init: WorkerInit
  private readonly journal: OfferJournal
  private readonly context: WorkerContext
  private readonly book = new AttemptBook()
  private readonly finished: FinishedOffers
  private lastEndNumber = 0
  private cancelTick: Cancel | undefined
  private stage: 'running' | 'stopping' | 'stopped' = 'running'

  constructor(init: WorkerInit) {
    this.init = init
    this.journal = new OfferJournal(init.journal)
    this.finished = new FinishedOffers(this.journal)
    this.context = {
      ...init,
      journal: this.journal,
      ended: (attempt) => this.book.hasEnded(attempt),
      forget: (attempt) => this.forget(attempt),
    }
    init.link.onMessage((from, message) => this.receive(from, message))
    init.transport.onPeer(({ type, peer }) => {
      if (type === 'connected') for (const attempt of this.book.of(peer)) attempt.submitterBack()
    })
  }

  /** Attempts under way, those included that are about to start: a node is drained when there is none. */
  get running(): number {
    return this.book.live.size
  }

  /** Whose attempts are not acknowledged: what becomes of the connection to them matters. */
  submitters(): Iterable<PeerId> {
    return this.book.submitters()
  }

  /**
   * Takes up the journal: what had ended is relayed in the order of its end, what had not is reported now.
   * @param leftovers what the guardian of an earlier life had not seen to its end; anything else is proven quiet.
   */
  async start(leftovers: readonly Leftover[]): Promise<void> {
    const records = (await this.init.journal.load()).map(({ value }) => decodeOfferRecord(value))
    this.takeUpFinished(records)
    const open = records.filter(({ state }) => state !== 'finished')
    open.sort((a, b) => (a.endNumber ?? Number.MAX_SAFE_INTEGER) - (b.endNumber ?? Number.MAX_SAFE_INTEGER))
    this.lastEndNumber = Math.max(0, ...records.map(({ endNumber = 0 }) => endNumber))
    const spools = new Set(await this.init.outputs.keys())
    const attempts = open.map((record) => this.adopt(record, spools.delete(executionIdOf(record))))
    for (const orphan of spools) await this.init.outputs.remove(orphan)
    for (const attempt of attempts) {
      if (!attempt.ended) continue
      void attempt.keepAgain().then(() => this.watch(attempt))
      if (this.canReach(attempt)) attempt.submitterBack()
    }
    await Promise.all(
      attempts
        .filter((attempt) => !attempt.ended)
        .map((attempt) => attempt.recover(!isLeft(attempt.task.record, leftovers))),
    )
  }

  /** The lease was taken back: what runs under it has to end now. */
  leaseRevoked(leaseId: LeaseId): void {
    this.book.underLease(leaseId)?.leaseRevoked()
  }

  /** Ends whatever runs, and reports it: the node shuts down. */
  async stop(): Promise<void> {
    this.stage = 'stopping'
    await Promise.all([...this.book.live].map((attempt) => attempt.shutDown()))
    this.stage = 'stopped'
    this.cancelTick?.()
    this.cancelTick = undefined
    await this.flush()
  }

  private takeUpFinished(records: readonly OfferRecord[]): void {
    const finished = records.flatMap(({ idempotencyKey, leaseId, state, finishedUnixMs: at, mayBeLeft }) =>
      state === 'finished' && at !== undefined
        ? [{ key: attemptKey(idempotencyKey, leaseId), at, mayBeLeft: mayBeLeft === true }]
        : [],
    )
    for (const { key, at, mayBeLeft } of finished.sort((one, other) => one.at - other.at))
      this.finished.add(key, { at, mayBeLeft })
  }

  private watch(attempt: WorkerAttempt): void {
    if (!attempt.isTimed) return
    this.book.timed.add(attempt)
    this.keepTime()
  }

  /** Time passes for the attempts, as long as it matters to one, or something is to be written. */
  private keepTime(): void {
    if (this.stage === 'stopped') return
    this.cancelTick ??= this.init.scheduler.every(TICK_MS, () => this.tick())
  }

  /** Looks at those that have something due; at all that run while an order says that they may not. */
  private tick(): void {
    const { clock } = this.init
    const now = clock.now()
    const standing = this.init.standing()
    const isBarred = standing.isQuarantined || standing.isRetired || isDrainOver(standing, clock.wall())
    const { timed } = this.book
    for (const attempt of timed) {
      if (!attempt.isTimed) timed.delete(attempt)
      else if (isBarred || attempt.dueAt <= now) attempt.tick(now)
    }
    void this.flush()
    if (timed.size > 0) return
    this.cancelTick?.()
    this.cancelTick = undefined
  }

  private async flush(): Promise<void> {
    try {
      await this.journal.flush()
    } catch (thrown) {
      this.init.fatal(toCodedError(thrown))
    }
  }

  private receive(from: PeerId, message: TaskMessage): void {
    switch (message.type) {
      case 'remote_task_envelope':
        return this.onEnvelope(from, message)
      case 'remote_task_renewed':
        return this.attemptOf(from, message)?.submitterAnswered(message.sequence)
      case 'remote_task_output_ack':
        return this.attemptOf(from, message)?.acknowledgeOutput(message.bytes)
      case 'remote_task_result_ack':
        void this.attemptOf(from, message)?.handle({ type: 'acknowledged' })
        return
      case 'remote_task_cancel':
        return this.onCancel(from, message)
      case 'remote_task_ack':
      case 'remote_task_started':
      case 'remote_task_renew':
      case 'remote_task_output':
      case 'remote_task_result':
        return // for the submitter
    }
  }

  private onEnvelope(from: PeerId, envelope: Envelope): void {
    const known = this.attemptOf(from, envelope)
    if (known !== undefined) return void known.handle({ type: 'offered' })
    const finished = this.finished.get(keyOf(envelope))
    if (finished !== undefined) return this.sayFinished(from, envelope, finished)
    const refusal = this.refusal(from, envelope)
    if (refusal !== undefined) return this.refuse(from, envelope, refusal)
    let record: OfferRecord
    try {
      record = offerFromEnvelope(envelope, from)
    } catch (thrown) {
      // Of a later version, perhaps: the submitter hears that, and may ask elsewhere.
      if (!(thrown instanceof CodedError)) throw thrown
      this.init.logger.warn({ peer: from, err: thrown }, 'an offer that is not understood')
      return this.refuse(from, envelope, 'cannot_start')
    }
    const call = record.work && functionOf(record.work)
    if (call !== undefined && !this.init.functions.names.includes(call.name))
      return this.refuse(from, envelope, 'function_not_registered')
    void this.adopt(record).handle({ type: 'offered' })
  }

  private refuse(from: PeerId, envelope: Envelope, reason: Reason): void {
    this.init.logger.info({ peer: from, task: envelope.task_id, reason }, 'offer refused')
    const { task_id: taskId, exec_lease_id: leaseId } = envelope
    this.init.events.offerRefused({ submitter: from, taskId, leaseId }, reason)
    this.sayRefused(from, envelope, reason)
  }

  /** A refusal says that nothing of the attempt executes here. */
  private sayFinished(to: PeerId, message: TaskMessage, { mayBeLeft }: { mayBeLeft: boolean }): void {
    if (!mayBeLeft) this.sayRefused(to, message, 'lease_expired')
  }

  private sayRefused(to: PeerId, { idempotency_key, exec_lease_id }: TaskMessage, detail: Reason): void {
    const attempt = { idempotency_key, exec_lease_id }
    this.init.link.send(to, { type: 'remote_task_ack', ...attempt, accepted: false, detail })
  }

  private refusal(from: PeerId, envelope: Envelope): Reason | undefined {
    const remote = from !== this.init.transport.self
    const { exec_lease_id: leaseId, deadline_unix_ms: deadline } = envelope
    if (envelope.populi_scope_id !== this.init.scope) return 'wrong_scope'
    const obstacle = obstacleOf(this.init.standing())
    if (obstacle !== undefined) return obstacle
    if (remote && !this.init.remoteExecute) return 'worker_refuses_remote'
    if (remote && leaseId === undefined) return 'lease_unavailable'
    // One attempt per lease, whoever says otherwise.
    if (this.book.get(keyOf(envelope)) !== undefined) return 'lease_expired'
    if (leaseId !== undefined && this.book.underLease(leaseId) !== undefined) return 'lease_expired'
    if (deadline !== undefined && this.init.clock.wall() >= deadline) return 'timed_out'
    if (this.stage !== 'running' || this.running >= LIMITS.workerTasksMax) return 'worker_full'
    return undefined
  }

  /**
   * For an attempt that is not known it becomes one that ended before it began (`offered-task.ts`); for one that is finished the
   * answer is the one that its offer would get.
   */
  private onCancel(from: PeerId, cancel: CancelMessage): void {
    const isGivenUp = GIVEN_UP.has(cancel.reason)
    const known = this.attemptOf(from, cancel)
    if (known !== undefined) return void known.stop(isGivenUp ? 'given-up' : 'cancelled')
    if (isGivenUp || this.stage !== 'running') return
    const { exec_lease_id: leaseId } = cancel
    const isTaken = this.book.get(keyOf(cancel)) !== undefined
    if (isTaken || (leaseId !== undefined && this.book.underLease(leaseId) !== undefined)) return
    const finished = this.finished.get(keyOf(cancel))
    if (finished !== undefined) return this.sayFinished(from, cancel, finished)
    void this.adopt(offerFromCancel(cancel, from)).stop('cancelled')
  }

  private adopt(record: OfferRecord, hasSpool = false): WorkerAttempt {
    this.makeRoom()
    const task = new OfferedTask(record, () => ++this.lastEndNumber)
    const attempt = new WorkerAttempt(this.context, task, hasSpool)
    this.book.add(attempt)
    this.keepTime()
    return attempt
  }

  /** Only the submitter of an attempt has a say in it. */
  private attemptOf(from: PeerId, message: TaskMessage): WorkerAttempt | undefined {
    const attempt = this.book.get(keyOf(message))
    return attempt?.task.submitter === from ? attempt : undefined
  }

  private canReach({ task }: WorkerAttempt): boolean {
    const { transport } = this.init
    return task.submitter === transport.self || transport.isConnected(task.submitter)
  }

  /** Results that nobody came for. Whoever comes too late offers again, is refused, and runs the task elsewhere. */
  private makeRoom(): void {
    const [oldest] = this.book.ended
    if (oldest === undefined || this.book.ended.size < LIMITS.endedOffersKeptMax) return
    const { record } = oldest.task
    this.init.logger.warn({ task: record.taskId }, 'a result that nobody came for is given up')
    this.init.events.resultGivenUp(record)
    this.book.remove(oldest)
    void oldest.handle({ type: 'acknowledged' })
  }

  private forget(attempt: WorkerAttempt): void {
    this.book.remove(attempt)
    const mayBeLeft = attempt.task.record.mayBeLeft === true
    this.finished.add(attempt.key, { at: this.init.clock.wall(), mayBeLeft })
    // Its end is noted and waits for a write.
    this.keepTime()
  }
}

/** Which call a function host had is not known any more: one that is left may be of any. */
function isLeft(record: OfferRecord, leftovers: readonly Leftover[]): boolean {
  const isCall = record.work !== undefined && functionOf(record.work) !== undefined
  return leftovers.some(
    ({ executionId, quiet }) =>
      !quiet && (isCall ? isFunctionHost(executionId) : executionId === executionIdOf(record)),
  )
}

function keyOf(message: TaskMessage): string {
  return attemptKey(message.idempotency_key, message.exec_lease_id)
}
