import { bootMs, type LeaseId, type NodeId, type PeerId, type TaskId, unixMs } from '../../src/base/index.ts'
import {
  decodeTaskRecord,
  encodeTaskRecord,
  newTaskRecord,
  type Outcome,
  SubmittedTask,
  type SubmitterEffect,
  type SubmitterEvent,
  type TaskMessage,
  type TaskRecord,
  type WorkerEffect,
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

export const TTL_MS = 3000
/** Long after the last answer of an attached task's submitter: `T·(1+ρ)`. */
export const SPAN_MS = TTL_MS * 1.01

export function newRecord(options: Partial<TaskRecord> = {}): TaskRecord {
  const record = newTaskRecord({
    taskId: '42' as TaskId,
    idempotencyKey: KEY,
    scope: 'scope',
    work: { command: { argv: ['true'], env: {} } },
    on: undefined,
    attached: true,
    fallback: 'local',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    deadlineUnixMs: undefined,
    createdUnixMs: unixMs(1),
  })
  return { ...record, ...options }
}

export class SubmitterScript {
  task: SubmittedTask
  /** Of both clocks; every event takes one millisecond. */
  now = 1
  /** What the journal has. */
  written = newRecord()
  /** What a restart asks for. */
  recovery: readonly SubmitterEffect[] = []

  constructor(options: Partial<TaskRecord> = {}) {
    this.task = submittedTask(newRecord(options))
  }

  get state(): string {
    return this.task.record.state
  }

  do(event: SubmitterEvent): readonly SubmitterEffect[] {
    const effects = this.task.handle(event, { wall: unixMs(++this.now), boot: bootMs(this.now) })
    for (const effect of effects) if (effect.type === 'journal') this.written = effect.record
    return effects
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
    this.do({ type: 'lease-granted', leaseId: L1, ttlMs: TTL_MS })
    this.say(WORKER, started(L1))
  }
}

/** As the journal has it: what was not written is forgotten, and so is what only this life of the node knew. */
export function restarted(script: SubmitterScript, outputEnd = 0): SubmitterScript {
  const next = new SubmitterScript()
  next.now = script.now
  next.task = submittedTask(decodeTaskRecord(encodeTaskRecord(script.written)))
  next.written = script.written
  next.recovery = next.do({ type: 'recovered', outputEnd })
  return next
}

function submittedTask(record: TaskRecord): SubmittedTask {
  const spanMs = (ttlMs: number) => ttlMs * 1.01
  return new SubmittedTask({ peer: HOME, nodeId: 'home' as NodeId, spanMs }, record)
}

export const started = (lease: LeaseId): TaskMessage => ({
  type: 'remote_task_started',
  idempotency_key: KEY,
  exec_lease_id: lease,
  pid: 1,
})

export const renew = (lease: LeaseId, sequence = 0): TaskMessage => ({
  type: 'remote_task_renew',
  idempotency_key: KEY,
  exec_lease_id: lease,
  sequence,
})

export const output = (lease: LeaseId, offset: number, ...bytes: number[]): TaskMessage => ({
  type: 'remote_task_output',
  idempotency_key: KEY,
  exec_lease_id: lease,
  stream: 'stdout',
  offset,
  chunk: new Uint8Array(bytes),
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

export const names = (effects: readonly (WorkerEffect | SubmitterEffect)[]): readonly string[] =>
  effects.map((effect) => (effect.type === 'send' ? effect.message.type : effect.type))
