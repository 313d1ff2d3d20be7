/**
 * Tells the observers what one life of a node writes and says about tasks: stands between the node and its two task journals, and
 * reads the messages about tasks that leave it. (Those to itself never leave it.)
 */
import { LIMITS, type PeerId, type TaskId, taskId, unreachable } from '../../src/base/index.ts'
import type { NodeStores } from '../../src/store/index.ts'
import {
  decodeOfferRecord,
  decodeTaskMessage,
  decodeTaskRecord,
  type JournalStore,
  type JournalWrite,
  type Outcome,
  type OutputLog,
  type OutputLogs,
  type TaskMessage,
} from '../../src/task/index.ts'
import type { ObservedFact } from '../observation.ts'
import type { TaskWord } from '../work-facts.ts'
import { digestOf } from './facts.ts'
import { readPrinted } from './printed.ts'

interface TaskTapInit {
  readonly node: PeerId
  readonly observe: (fact: ObservedFact) => void
  /** Which task an idempotency key is of, as far as any node of this world has said. */
  readonly taskOfKey: Map<string, TaskId>
  /** Calls back on the clock of the node's process. */
  readonly after: (delayMs: number, callback: () => void) => void
}

/** What it takes to read a journal: peers are connected to meanwhile, and say what they have to say. */
const READING_MS = 60

export class TaskTap {
  private readonly init: TaskTapInit
  private over = false

  constructor(init: TaskTapInit) {
    this.init = init
  }

  end(): void {
    this.over = true
  }

  stores(stores: NodeStores): Pick<NodeStores, 'submitterJournal' | 'workerJournal' | 'outputs'> {
    const { submitterJournal, workerJournal, outputs } = stores
    return {
      submitterJournal: this.watch('submitter', submitterJournal, (row) => this.taskRecorded(row)),
      workerJournal: this.watch('worker', workerJournal, (row) => this.offerRecorded(row)),
      outputs: { ...outputs, submitter: this.watchOutput(outputs.submitter) },
    }
  }

  /** A message that was handed to the network. */
  said(to: PeerId, bytes: Uint8Array): void {
    const message = decodeTaskMessage(bytes)
    const { taskOfKey, node } = this.init
    const { idempotency_key: key, exec_lease_id } = message
    if (message.type === 'remote_task_envelope') taskOfKey.set(key, taskId(String(message.task_id)))
    const task = taskOfKey.get(key)
    if (task === undefined) return
    this.tell({ type: 'task-said', node, to, task, leaseId: exec_lease_id ?? 0, word: wordOf(message) })
  }

  private watch(
    of: 'submitter' | 'worker',
    journal: JournalStore,
    record: (row: JournalWrite) => ObservedFact,
  ): JournalStore {
    return {
      load: async () => {
        const rows = await journal.load()
        await new Promise<void>((resolve) => this.init.after(READING_MS, resolve))
        const { node } = this.init
        this.tell({ type: 'journal-loaded', node, of, keys: rows.map(({ key }) => key) })
        for (const row of rows) this.tell(record(row))
        return rows
      },
      write: async (rows) => {
        await journal.write(rows)
        for (const row of rows) if (row.value !== undefined || of === 'worker') this.tell(record(row))
      },
    }
  }

  private watchOutput(logs: OutputLogs): OutputLogs {
    const watched = new Map<OutputLog, OutputLog>()
    return {
      open: async (key) => {
        const log = await logs.open(key)
        const known = watched.get(log)
        if (known !== undefined) return known
        const task = taskId(key)
        const found = await log.read(log.begin, LIMITS.outputLogBytesMax)
        const twin = this.watchLog(task, log)
        watched.set(log, twin)
        const { begin, end } = log
        const pieces = readPrinted(Buffer.concat(found.map(({ chunk }) => chunk)))
        this.tell({ type: 'output-found', node: this.init.node, task, begin, end, pieces })
        return twin
      },
      remove: (key) => logs.remove(key),
      keys: () => logs.keys(),
    }
  }

  private watchLog(task: TaskId, log: OutputLog): OutputLog {
    const { node } = this.init
    return {
      get begin() {
        return log.begin
      },
      get end() {
        return log.end
      },
      append: async (stream, chunk) => {
        await log.append(stream, chunk)
        for (const piece of readPrinted(chunk)) this.tell({ type: 'output-logged', node, task, ...piece })
      },
      read: (from, bytesMax) => log.read(from, bytesMax),
      trim: (before) => log.trim(before),
    }
  }

  private taskRecorded({ value }: JournalWrite): ObservedFact {
    const { taskId: task, state, attached, attempt } = decodeTaskRecord(value ?? new Uint8Array())
    const leaseId = attempt?.leaseId ?? 0
    const { node } = this.init
    return { type: 'task-recorded', node, task, state, attached, worker: attempt?.peer, leaseId }
  }

  private offerRecorded({ key, value }: JournalWrite): ObservedFact {
    const { node } = this.init
    if (value === undefined) return { type: 'offer-forgotten', node, key }
    const { taskId: number, submitter, leaseId = 0, state, outcome } = decodeOfferRecord(value)
    return {
      type: 'offer-recorded',
      node,
      key,
      task: taskId(String(number)),
      submitter,
      leaseId,
      state,
      outcome: outcome === undefined ? undefined : outcomeDigest(outcome),
    }
  }

  private tell(fact: ObservedFact): void {
    if (!this.over) this.init.observe(fact)
  }
}

const outcomeDigest = ({ cause, exitCode, signal, quiet, outputBytes }: Outcome): string =>
  digestOf(Buffer.from(JSON.stringify([cause, exitCode ?? null, signal ?? null, quiet, outputBytes])))

function wordOf(message: TaskMessage): TaskWord {
  switch (message.type) {
    case 'remote_task_envelope':
      return { kind: 'offer', attachedTtlMs: message.attached_ttl_ms }
    case 'remote_task_ack':
      return { kind: message.accepted ? 'accept' : 'refuse' }
    case 'remote_task_started':
      return { kind: 'started' }
    case 'remote_task_cancel':
      return { kind: 'cancel' }
    case 'remote_task_result_ack':
      return { kind: 'result-ack' }
    case 'remote_task_renew':
      return { kind: 'renew', sequence: message.sequence }
    case 'remote_task_renewed':
      return { kind: 'renewed', sequence: message.sequence }
    case 'remote_task_output':
      return { kind: 'output', from: message.offset, to: message.offset + message.chunk.length }
    case 'remote_task_output_ack':
      return { kind: 'output-ack', bytes: message.bytes }
    case 'remote_task_result':
      return { kind: 'result', outcome: outcomeDigest(message.outcome) }
    default:
      return unreachable(message)
  }
}
