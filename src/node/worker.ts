import { type LeaseId, LIMITS, type PeerId, type Reason } from '../base/index.ts'
import { obstacleOf } from '../membership/index.ts'
import {
  attemptKey,
  decodeOfferRecord,
  type Envelope,
  OfferedTask,
  offerFromEnvelope,
  type TaskMessage,
} from '../task/index.ts'
import type { Cancel, Transport } from './ports.ts'
import { WorkerAttempt } from './worker-attempt.ts'
import type { WorkerContext } from './worker-context.ts'

/** Renewals are due at thirds of a TTL of at least a second: a tenth of that is fine enough. */
const TICK_MS = 50

interface WorkerInit extends Omit<WorkerContext, 'forget'> {
  readonly transport: Transport
  readonly scope: string
  /** Whether work of other nodes is taken at all (promise P7). */
  readonly remoteExecute: boolean
}

export class Worker {
  private readonly init: WorkerInit
  private readonly context: WorkerContext
  private readonly attempts = new Map<string, WorkerAttempt>()
  /** Attempts that ended and were acknowledged: a late repetition of their offer must not start them again. */
  private readonly finished = new Set<string>()
  private cancelTick: Cancel | undefined
  private stopping = false

  constructor(init: WorkerInit) {
    this.init = init
    this.context = { ...init, forget: (key) => this.forget(key) }
    init.link.onMessage((from, message) => this.receive(from, message))
    init.transport.onPeer(({ type, peer }) => {
      for (const attempt of this.attempts.values()) {
        if (attempt.task.submitter !== peer) continue
        if (type === 'connected') attempt.submitterBack()
        else attempt.submitterLost(init.clock.now())
      }
    })
  }

  /** Attempts under way, those included that are about to start: a node is drained when there is none. */
  get running(): number {
    return this.unfinished().length
  }

  /** Whose attempts are not acknowledged: what becomes of the connection to them matters. */
  submitters(): Iterable<PeerId> {
    return [...this.attempts.values()].map(({ task }) => task.submitter)
  }

  /** Takes up the journal. The guardian has ended before what an earlier life had left running. */
  async start(): Promise<void> {
    for (const { value } of await this.init.journal.load()) {
      const attempt = this.adopt(new OfferedTask(decodeOfferRecord(value), () => 1))
      void attempt.handle({ type: 'recovered', quiet: true, outputBytes: 0 })
    }
  }

  /** The lease was taken back: what runs under it has to end now. */
  leaseRevoked(leaseId: LeaseId): void {
    for (const attempt of this.attempts.values())
      if (attempt.task.record.leaseId === leaseId) attempt.leaseRevoked(this.init.clock.now())
  }

  /** Ends whatever runs, and reports it: the node shuts down. */
  async stop(): Promise<void> {
    this.stopping = true
    await Promise.all([...this.attempts.values()].map((attempt) => attempt.shutDown()))
    this.stopTicks()
  }

  /** Time passes for the attempts, as long as there is one that has not ended. */
  private keepTime(): void {
    this.cancelTick ??= this.init.scheduler.every(TICK_MS, () => {
      const unfinished = this.unfinished()
      const now = this.init.clock.now()
      for (const attempt of unfinished) attempt.tick(now)
      if (unfinished.length === 0) this.stopTicks()
    })
  }

  private stopTicks(): void {
    this.cancelTick?.()
    this.cancelTick = undefined
  }

  private unfinished(): readonly WorkerAttempt[] {
    return [...this.attempts.values()].filter((attempt) => !attempt.ended)
  }

  private receive(from: PeerId, message: TaskMessage): void {
    switch (message.type) {
      case 'remote_task_envelope':
        return this.onEnvelope(from, message)
      case 'remote_task_output_ack':
        return this.attemptOf(from, message)?.acknowledgeOutput(message.bytes)
      case 'remote_task_result_ack':
        void this.attemptOf(from, message)?.handle({ type: 'acknowledged' })
        return
      case 'remote_task_cancel':
        void this.attemptOf(from, message)?.stop('cancelled')
        return
      case 'remote_task_ack':
      case 'remote_task_started':
      case 'remote_task_output':
      case 'remote_task_result':
        return // for the submitter
    }
  }

  private onEnvelope(from: PeerId, envelope: Envelope): void {
    const known = this.attemptOf(from, envelope)
    if (known !== undefined) return void known.handle({ type: 'offered' })
    const refusal = this.refusal(from, envelope)
    if (refusal !== undefined) {
      this.init.logger.info({ peer: from, task: envelope.task_id, reason: refusal }, 'offer refused')
      const offer = offerFromEnvelope(envelope, from)
      this.init.events.offerRefused(offer, refusal)
      this.init.link.send(from, {
        type: 'remote_task_ack',
        idempotency_key: envelope.idempotency_key,
        exec_lease_id: envelope.exec_lease_id,
        accepted: false,
        detail: refusal,
      })
      return
    }
    void this.adopt(new OfferedTask(offerFromEnvelope(envelope, from), () => 1)).handle({ type: 'offered' })
  }

  private refusal(from: PeerId, envelope: Envelope): Reason | undefined {
    const remote = from !== this.init.transport.self
    if (envelope.populi_scope_id !== this.init.scope) return 'wrong_scope'
    const obstacle = obstacleOf(this.init.standing())
    if (obstacle !== undefined) return obstacle
    if (remote && !this.init.remoteExecute) return 'worker_refuses_remote'
    if (remote && envelope.exec_lease_id === undefined) return 'lease_unavailable'
    if (this.finished.has(keyOf(envelope))) return 'lease_expired'
    if (this.stopping || this.running >= LIMITS.workerTasksMax) return 'worker_full'
    return undefined
  }

  private adopt(task: OfferedTask): WorkerAttempt {
    if (this.attempts.size >= LIMITS.workerTasksMax + LIMITS.endedOffersKeptMax) this.forgetOldestEnded()
    const attempt = new WorkerAttempt(this.context, task)
    this.attempts.set(attempt.key, attempt)
    this.keepTime()
    const { self } = this.init.transport
    if (task.submitter !== self && !this.init.transport.isConnected(task.submitter)) {
      attempt.submitterLost(this.init.clock.now())
    }
    return attempt
  }

  /** Only the submitter of an attempt has a say in it. */
  private attemptOf(from: PeerId, message: TaskMessage): WorkerAttempt | undefined {
    const attempt = this.attempts.get(keyOf(message))
    return attempt?.task.submitter === from ? attempt : undefined
  }

  /** Results that nobody came for. */
  private forgetOldestEnded(): void {
    const oldest = [...this.attempts.values()].find((attempt) => attempt.ended)
    this.init.logger.warn({ task: oldest?.task.record.taskId }, 'a result that nobody came for is forgotten')
    void oldest?.handle({ type: 'acknowledged' })
  }

  private forget(key: string): void {
    this.attempts.delete(key)
    this.finished.add(key)
    const [oldest] = this.finished
    if (this.finished.size > LIMITS.endedOffersKeptMax && oldest !== undefined) this.finished.delete(oldest)
  }
}

function keyOf(message: TaskMessage): string {
  return attemptKey(message.idempotency_key, message.exec_lease_id)
}
