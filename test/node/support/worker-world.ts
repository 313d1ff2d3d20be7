/**
 * One worker with its journal and its output on a disk in memory, over a virtual network and clock, and submitters that say what the
 * test says: what the worker does can be told from the messages that reach them.
 */
import {
  CodedError,
  type ErrorCode,
  type LeaseId,
  type NodeId,
  type PeerId,
  Random,
  silentLogger,
} from '../../../src/base/index.ts'
import type { Execution, ExecutionSpec, Leftover, OutputReader } from '../../../src/exec/index.ts'
import type { Standing } from '../../../src/membership/index.ts'
import type { AuthorityClient } from '../../../src/node/authority-client.ts'
import { EventSources } from '../../../src/node/event-sources.ts'
import type { NewEvent } from '../../../src/node/node-events.ts'
import { TaskLink } from '../../../src/node/task-link.ts'
import { Worker } from '../../../src/node/worker.ts'
import { type FunctionExecutor, NO_FUNCTIONS } from '../../../src/node/worker-context.ts'
import { MemoryDisk, type NodeStores, openMemoryStores } from '../../../src/store/index.ts'
import {
  decodeTaskMessage,
  type Envelope,
  encodeTaskMessage,
  type TaskMessage,
} from '../../../src/task/index.ts'
import { VirtualExecutor } from './virtual-mesh.ts'
import { VirtualNetwork, VirtualTransport } from './virtual-network.ts'
import { Life, VirtualTime } from './virtual-time.ts'

const WORKER = 'worker' as PeerId
export const TTL_MS = 3000
const DRIFT = 0.01
/** By when a worker is quiet that counts from 0. */
export const SPAN_MS = TTL_MS * (1 - DRIFT)

type Type = TaskMessage['type']
type Of<Kind extends Type> = Extract<TaskMessage, { type: Kind }>

export class ScriptedSubmitter {
  readonly peer: PeerId
  readonly heard: { readonly at: number; readonly message: TaskMessage }[] = []
  /** What it does by itself. */
  answersRenewals = true
  acknowledgesOutput = true
  acknowledgesResults = true
  private readonly transport: VirtualTransport
  private readonly time: VirtualTime

  constructor(name: string, time: VirtualTime, net: VirtualNetwork) {
    this.peer = name as PeerId
    this.time = time
    this.transport = new VirtualTransport(this.peer, new Life(time), net)
    this.transport.onMessage('task', (_, bytes) => this.receive(decodeTaskMessage(bytes)))
    net.attach(this.transport)
    this.transport.setNeighbours([WORKER])
  }

  /** Said again until it can be: nothing here is about connections that are not there yet. */
  say(message: TaskMessage): void {
    this.transport.send(WORKER, 'task', encodeTaskMessage(message))
  }

  offer(leaseId: number, argv: readonly [string, ...string[]], fields: Partial<Envelope> = {}): void {
    this.say(envelope(leaseId, argv, fields))
  }

  cancel(leaseId: number, reason = 'cancelled_by_user'): void {
    this.say({ type: 'remote_task_cancel', ...names(leaseId), task_id: leaseId, reason })
  }

  all<Kind extends Type>(type: Kind): readonly Of<Kind>[] {
    return this.heard.flatMap(({ message }) => (message.type === type ? [message as Of<Kind>] : []))
  }

  result(leaseId: number): Of<'remote_task_result'> | undefined {
    return this.all('remote_task_result').find(({ exec_lease_id }) => exec_lease_id === leaseId)
  }

  /** Types, in order, of what was said about one attempt. */
  types(leaseId: number): readonly Type[] {
    return this.heard.flatMap(({ message }) => (message.exec_lease_id === leaseId ? [message.type] : []))
  }

  /** Output in the order of its arrival, without what came twice. */
  output(leaseId: number): Uint8Array {
    const chunks: Uint8Array[] = []
    let end = 0
    for (const { exec_lease_id, offset, chunk } of this.all('remote_task_output')) {
      if (exec_lease_id !== leaseId || offset + chunk.length <= end) continue
      chunks.push(chunk.subarray(Math.max(0, end - offset)))
      end = offset + chunk.length
    }
    return Buffer.concat(chunks)
  }

  private receive(message: TaskMessage): void {
    this.heard.push({ at: this.time.now(), message })
    const { idempotency_key, exec_lease_id } = message
    const attempt = { idempotency_key, exec_lease_id }
    if (message.type === 'remote_task_renew' && this.answersRenewals)
      this.say({ type: 'remote_task_renewed', ...attempt, sequence: message.sequence })
    if (message.type === 'remote_task_output' && this.acknowledgesOutput) {
      const bytes = message.offset + message.chunk.length
      this.say({ type: 'remote_task_output_ack', ...attempt, bytes })
    }
    if (message.type === 'remote_task_result' && this.acknowledgesResults)
      this.say({ type: 'remote_task_result_ack', ...attempt })
  }
}

class RecordingExecutor extends VirtualExecutor {
  readonly specs: ExecutionSpec[] = []

  override run(spec: ExecutionSpec, onOutput: OutputReader): Execution {
    this.specs.push(spec)
    return super.run(spec, onOutput)
  }
}

export class WorkerWorld {
  readonly time = new VirtualTime()
  readonly net = new VirtualNetwork(this.time)
  readonly executor = new RecordingExecutor(this.time)
  readonly disk = new MemoryDisk()
  readonly events: NewEvent[] = []
  readonly fatal: CodedError[] = []
  /** What the authority was asked for, in order. */
  readonly asked: { readonly type: 'renew' | 'release'; readonly leaseId: number; readonly at: number }[] = []
  /** What the authority answers renewals with, instead of "yes". */
  refusal: ErrorCode | undefined
  /** How long the authority takes to answer. */
  answerMs = 1
  standing: Standing = { isQuarantined: false, isRetired: false, maintenance: undefined }
  functions: FunctionExecutor = NO_FUNCTIONS
  worker!: Worker
  stores!: NodeStores
  private life = new Life(this.time)

  static async start(): Promise<WorkerWorld> {
    const world = new WorkerWorld()
    await world.boot()
    return world
  }

  async submitter(name = 'home'): Promise<ScriptedSubmitter> {
    const submitter = new ScriptedSubmitter(name, this.time, this.net)
    await this.time.run(20)
    return submitter
  }

  async boot(leftovers: readonly Leftover[] = []): Promise<void> {
    this.life = new Life(this.time)
    this.stores = await openMemoryStores(this.disk)
    const transport = new VirtualTransport(WORKER, this.life, this.net)
    const link = new TaskLink(transport, this.life, silentLogger)
    const { life } = this
    const record = (event: NewEvent): void => void this.events.push(event)
    this.worker = new Worker({
      transport,
      link,
      executor: this.executor,
      functions: this.functions,
      authority: this.authority(this.life),
      journal: this.stores.workerJournal,
      outputs: this.stores.outputs.worker,
      clock: this.life,
      scheduler: this.life,
      random: new Random(1),
      logger: silentLogger,
      events: new EventSources({ record }, (peer) => peer as string as NodeId),
      driftRatio: DRIFT,
      stopBudget: { graceMs: 500, proofMs: 250 },
      leaseTtlMs: TTL_MS,
      standing: () => this.standing,
      scope: 'scope',
      remoteExecute: true,
      fatal: (error) => void (life.isOver || this.fatal.push(error)),
    })
    this.net.attach(transport)
    await this.worker.start(leftovers)
    link.open()
  }

  /** SIGKILL; what its guardian ended is proven quiet unless `leftovers` say otherwise. */
  async restart(leftovers: readonly Leftover[] = []): Promise<void> {
    this.kill()
    await this.boot(leftovers)
    await this.time.run(50)
  }

  kill(): void {
    this.life.end()
    this.executor.killAll()
    this.net.detach(WORKER)
    this.disk.crash()
  }

  /** Cuts a submitter off, or lets it come back. */
  link(submitter: ScriptedSubmitter, open: boolean): void {
    this.net.link(submitter.peer, WORKER, open)
  }

  released(): readonly number[] {
    return this.asked.flatMap(({ type, leaseId }) => (type === 'release' ? [leaseId] : []))
  }

  private authority(life: Life): AuthorityClient {
    const execute = (command: { type: string; leaseId: number }): Promise<unknown> => {
      const sentAt = this.time.now()
      const type = command.type === 'lease.renew' ? 'renew' : 'release'
      this.asked.push({ type, leaseId: command.leaseId, at: sentAt })
      return new Promise((resolve, reject) => {
        life.after(this.answerMs, () => {
          if (this.refusal !== undefined && type === 'renew')
            reject(new CodedError(this.refusal, {} as never))
          else resolve({ sentAt, answer: { ok: true, ttlMs: TTL_MS } })
        })
      })
    }
    return { execute } as unknown as AuthorityClient
  }
}

export const names = (leaseId: number) => ({
  idempotency_key: `key-${leaseId}`,
  exec_lease_id: leaseId as LeaseId,
})

export function envelope(
  leaseId: number,
  argv: readonly [string, ...string[]],
  fields: Partial<Envelope> = {},
): Envelope {
  return {
    type: 'remote_task_envelope',
    ...names(leaseId),
    task_id: leaseId,
    repository_id: 'scope',
    capability_requirements_json: '{}',
    payload: JSON.stringify({ task_description: argv[0], command: { argv, env: {} } }),
    populi_scope_id: 'scope',
    lease_ttl_ms: TTL_MS,
    ...fields,
  }
}
