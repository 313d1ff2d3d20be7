import { type LeaseId, type NodeId, type PeerId, type TaskId, unixMs } from '../../src/base/index.ts'
import {
  decodeOfferRecord,
  encodeOfferRecord,
  newTaskRecord,
  OfferedTask,
  type OfferRecord,
  type Outcome,
  offerFromEnvelope,
  SubmittedTask,
  type SubmitterEffect,
  type SubmitterEvent,
  type TaskMessage,
  type WorkerEffect,
  type WorkerEvent,
} from '../../src/task/index.ts'

export const HOME = 'peer-home' as PeerId
export const WORKER = 'peer-worker' as PeerId
export const OTHER = 'peer-other' as PeerId
export const L1 = 11 as LeaseId
export const L2 = 22 as LeaseId
export const KEY = '42.key'

export const exited = (exitCode: number): Outcome => ({
  cause: 'exited',
  exitCode,
  quiet: true,
  outputBytes: 0,
})
export const endedBy = (cause: Outcome['cause']): Outcome => ({
  cause,
  quiet: true,
  outputBytes: 0,
  error: cause,
})

export class SubmitterScript {
  readonly task = new SubmittedTask(
    { peer: HOME, nodeId: 'home' as NodeId },
    newTaskRecord({
      taskId: '42' as TaskId,
      idempotencyKey: KEY,
      scope: 'scope',
      work: { command: { argv: ['true'], env: {} } },
      on: undefined,
      createdUnixMs: unixMs(1),
    }),
  )
  private clock = 1

  get state(): string {
    return this.task.record.state
  }

  do(event: SubmitterEvent): readonly SubmitterEffect[] {
    return this.task.handle(event, unixMs(++this.clock))
  }

  /** Names of the effects, for tests that are about order. */
  names(event: SubmitterEvent): readonly string[] {
    return this.do(event).map(({ type }) => type)
  }

  say(from: PeerId, message: TaskMessage): readonly SubmitterEffect[] {
    return this.do({ type: 'message', from, message })
  }

  place(peer = WORKER, nodeId = 'worker'): void {
    this.do({ type: 'submitted' })
    this.do({ type: 'placed', peer, nodeId: nodeId as NodeId, reason: 'requested_node' })
  }

  /** As far as a remote attempt that runs. */
  run(): void {
    this.place()
    this.do({ type: 'lease-granted', leaseId: L1, ttlMs: 3000 })
    this.say(WORKER, started(L1))
  }
}

export const started = (lease: LeaseId): TaskMessage => ({
  type: 'remote_task_started',
  idempotency_key: KEY,
  exec_lease_id: lease,
  pid: 1,
})

export const result = (lease: LeaseId | undefined, outcome: Outcome, starts = 1): TaskMessage => ({
  type: 'remote_task_result',
  idempotency_key: KEY,
  exec_lease_id: lease,
  task_id: 42,
  success: outcome.exitCode === 0,
  result: null,
  error: null,
  outcome,
  starts,
})

export const refusal = (lease: LeaseId, detail: string): TaskMessage => ({
  type: 'remote_task_ack',
  idempotency_key: KEY,
  exec_lease_id: lease,
  accepted: false,
  detail,
})

export function envelope(lease: LeaseId | undefined): Extract<TaskMessage, { type: 'remote_task_envelope' }> {
  return {
    type: 'remote_task_envelope',
    idempotency_key: KEY,
    exec_lease_id: lease,
    task_id: 42,
    repository_id: 'scope',
    capability_requirements_json: '{}',
    payload: JSON.stringify({ task_description: 'true', command: { argv: ['true'], env: {} } }),
    populi_scope_id: 'scope',
    submitted_unix_ms: 1,
    lease_ttl_ms: 3000,
  }
}

type Envelope = ReturnType<typeof envelope>

/** An offered task with a clock that moves by a millisecond per event. */
export class WorkerScript {
  readonly task: OfferedTask
  private clock = 1000

  constructor(record: OfferRecord) {
    this.task = new OfferedTask(record, () => 1)
  }

  get record(): OfferRecord {
    return this.task.record
  }

  get state(): string {
    return this.record.state
  }

  do(event: WorkerEvent): readonly WorkerEffect[] {
    return this.task.handle(event, unixMs(++this.clock))
  }

  /** Names of the effects, for tests that are about order. */
  names(event: WorkerEvent): readonly string[] {
    return names(this.do(event))
  }

  pass(ms: number): void {
    this.clock += ms
  }

  /** As it comes back from the disk. */
  restart(): WorkerScript {
    return new WorkerScript(decodeOfferRecord(encodeOfferRecord(this.record)))
  }
}

export function offer(fields: Partial<Envelope> = {}): WorkerScript {
  return new WorkerScript(offerFromEnvelope({ ...envelope(L1), ...fields }, HOME))
}

export const names = (effects: readonly (WorkerEffect | SubmitterEffect)[]): readonly string[] =>
  effects.map((effect) => (effect.type === 'send' ? effect.message.type : effect.type))
