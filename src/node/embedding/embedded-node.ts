/** The node as a library: what a program that runs one within itself may do with it. `docs/embedding.md` is the guide. */
import { setTimeout as pause } from 'node:timers/promises'
import {
  CodedError,
  LIMITS,
  type Logger,
  type NodeId,
  nodeId,
  type PeerId,
  type ScopeId,
  taskId,
  type UnixMs,
  unixMs,
} from '../../base/index.ts'
import { checkFunctionName, type FunctionHandler, jsonText, type OutputReader } from '../../exec/index.ts'
import type { Fallback, Work } from '../../task/index.ts'
import { flagsOf, type NodeSettings } from '../config/index.ts'
import type { InviteView, NodeView, RunEvent, StatusView } from '../control/index.ts'
import { checkRequestedNode } from '../placing.ts'
import { type EmbeddableNode, startNode } from '../start-node.ts'
import type { NewTask } from '../submitter.ts'
import { workOf } from '../task-work.ts'
import { type CommandResult, type MeshTask, SubmittedMeshTask } from './mesh-task.ts'

export interface NodeOptions {
  /** Of a folder that `initNode` or `joinNode` made, or `populi init` or `populi join`. One process at a time. */
  readonly dataDir: string
  /** What is left out comes from the environment, `populi.toml` or the default. */
  readonly settings?: NodeSettings
  /** As with `handle`, before the node takes up work: also what was left unfinished finds them. */
  readonly functions?: Readonly<Record<string, FunctionHandler | URL>>
  /** Instead of JSON lines on standard error; `silentLogger` says nothing. */
  readonly logger?: Logger
}

/** What any task may say. */
interface TaskOptions {
  /** The name of the node that shall run it; otherwise the mesh chooses. */
  readonly on?: string
  /**
   * When the node that it was given to cannot run it to its end: `local`: this one does, `none`: it fails. A command falls back to this
   * node unless told otherwise, a function where it is registered.
   */
  readonly fallback?: Fallback
  /**
   * `true` (default): it ends with this program. `false`: it goes on whoever is away, under the lease of the authority alone, and is
   * found again by its id.
   */
  readonly attached?: boolean
  /** Wall time after which it is ended, from its start. */
  readonly timeoutMs?: number
  /** By wall clock: not begun after it, ended at it. */
  readonly deadline?: Date
  /** W3C Trace Context of the caller. Without one the task begins a trace. */
  readonly traceparent?: string
  /** Takes what it prints. The next piece comes when the promise has settled, and a task whose output is not taken stands still. */
  readonly onOutput?: OutputReader
}

export interface FunctionCall extends TaskOptions {
  readonly function: string
  /** What JSON can say, and what an envelope holds. */
  readonly input: unknown
}

export interface CommandCall extends TaskOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]]
  readonly cwd?: string
  /** Added to the worker's own environment. */
  readonly env?: Readonly<Record<string, string>>
}

export interface EmbeddedNode {
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly scopeId: ScopeId
  /**
   * Registers a function under a name, which the other nodes learn within seconds.
   *
   * A *URL* names a module whose default export is the handler: it runs in a process of its own, which is ended when a call does
   * not end in time. A *function* runs in this process: at the cost of microseconds, and of this process's life if it goes on
   * when its lease is over. Give that way only what obeys its signal and never blocks the event loop for long.
   *
   * @throws CodedError `input.invalid`: no name, or registered already; `limit.exceeded`
   */
  handle<Input = unknown, Value = unknown>(name: string, handler: FunctionHandler<Input, Value> | URL): void
  /**
   * Resolves when the task is on this node's disk: from then on it has exactly one result some day.
   * @throws CodedError `input.invalid`, `task.too_large`, `task.too_many`, `task.no_such_node`, `node.stopping`, `node.witness`
   */
  submit<Value = unknown>(call: FunctionCall): Promise<MeshTask<Value>>
  submit(call: CommandCall): Promise<MeshTask<CommandResult>>
  /** A task that was submitted here, also in an earlier life of the node. @throws CodedError `task.unknown`, `input.invalid` */
  task(id: string): MeshTask<unknown>
  /** Where a function could run now, as far as this node knows: alive, within reach, and registered there. */
  providers(name: string): readonly NodeId[]
  /**
   * Resolves with them as soon as there are any: right after its start a node knows nobody yet.
   * @throws CodedError `operation.timeout`
   */
  whenProvided(name: string, timeoutMs: number): Promise<readonly NodeId[]>
  status(): Promise<StatusView>
  nodes(): Promise<readonly NodeView[]>
  /** Admits another machine: its program passes the invite to `joinNode`. @throws CodedError `authority.no_leader`, `enrol.no_root_key` */
  invite(ttlMs: number): Promise<InviteView>
  /** Resolves after `close`; rejects with the error that made the node stop by itself. */
  readonly closed: Promise<void>
  /** Ends what runs here, gives leases back, and stops. Attached tasks of this node are cancelled. */
  close(): Promise<void>
}

/**
 * Starts a node in this process.
 * @throws CodedError `store.absent`, `store.in_use`, `store.corrupt`, `net.port_in_use`, `config.*`, …
 */
export async function createNode(options: NodeOptions): Promise<EmbeddedNode> {
  const { dataDir, settings = {}, functions = {}, logger } = options
  const running = await startNode({ dataDir, flags: flagsOf(settings), program: { functions, logger } })
  return new RunningEmbeddedNode(running)
}

/** Records travel within a heartbeat; a look costs nothing. */
const PROVIDERS_LOOK_MS = 50

class RunningEmbeddedNode implements EmbeddedNode {
  readonly nodeId: NodeId
  readonly peerId: PeerId
  readonly scopeId: ScopeId
  readonly closed: Promise<void>
  private readonly running: EmbeddableNode

  constructor(running: EmbeddableNode) {
    this.running = running
    const { nodeId, peerId, scopeId } = running.ready
    this.nodeId = nodeId
    this.peerId = peerId
    this.scopeId = scopeId
    this.closed = running.stopped
  }

  handle(name: string, handler: FunctionHandler | URL): void {
    this.running.functions.register(name, handler)
  }

  submit<Value>(call: FunctionCall): Promise<MeshTask<Value>>
  submit(call: CommandCall): Promise<MeshTask<CommandResult>>
  async submit(call: FunctionCall | CommandCall): Promise<MeshTask<unknown>> {
    const { node, stopped } = this.running
    const { onOutput } = call
    const reader = async (event: RunEvent): Promise<void> => {
      if (event.type === 'output') await onOutput?.(event.stream, event.chunk)
    }
    const submission = node.submitter.submitWork(this.taskOf(call), onOutput && reader)
    await submission.accepted
    return new SubmittedMeshTask(submission, stopped)
  }

  task(id: string): MeshTask<unknown> {
    const { node, stopped } = this.running
    return new SubmittedMeshTask(node.submitter.find(taskId(id)), stopped)
  }

  providers(name: string): readonly NodeId[] {
    const { node, functions } = this.running
    return node.membership
      .members()
      .filter(({ self, peer, status, record }) =>
        self
          ? functions.has(name)
          : status === 'alive' && node.canReach(peer) && record?.functions?.includes(name),
      )
      .map((member) => member.nodeId)
  }

  async whenProvided(name: string, timeoutMs: number): Promise<readonly NodeId[]> {
    const endsAt = performance.now() + timeoutMs
    for (;;) {
      const providers = this.providers(name)
      if (providers.length > 0) return providers
      if (performance.now() >= endsAt)
        throw new CodedError('operation.timeout', {
          what: `to find a node with function ${name}`,
          ms: timeoutMs,
        })
      await pause(PROVIDERS_LOOK_MS)
    }
  }

  status(): Promise<StatusView> {
    return Promise.resolve(this.running.control.status())
  }

  nodes(): Promise<readonly NodeView[]> {
    return Promise.resolve(this.running.control.nodes())
  }

  invite(ttlMs: number): Promise<InviteView> {
    return this.running.control.invite({ ttlMs })
  }

  close(): Promise<void> {
    return this.running.stop()
  }

  private taskOf(call: FunctionCall | CommandCall): NewTask {
    const { config, book, functions } = this.running
    if (config.witness) throw new CodedError('node.witness')
    checkRequestedNode(
      call.on,
      book.list().map((entry) => nodeId(entry.nodeId)),
    )
    const isLocal = 'command' in call || functions.has(call.function)
    return {
      work: 'command' in call ? commandWork(call) : functionWork(call),
      on: call.on,
      attached: call.attached ?? true,
      fallback: call.fallback ?? (isLocal ? 'local' : 'none'),
      traceparent: call.traceparent,
      deadlineUnixMs: call.deadline === undefined ? undefined : checkedDeadline(call.deadline),
    }
  }
}

function checkedDeadline(deadline: Date): UnixMs {
  const at = deadline.getTime()
  if (at > 0) return unixMs(at)
  throw new CodedError('input.invalid', {
    field: 'deadline',
    got: String(deadline),
    accepts: 'a valid Date after 1970',
  })
}

function functionWork({ function: name, input, timeoutMs }: FunctionCall): Work {
  checkFunctionName(name)
  const timeout = timeoutMs === undefined ? {} : { timeout_ms: checkedTimeout(timeoutMs) }
  return { function: { name, input_json: jsonText(input, `the input of function ${name}`), ...timeout } }
}

function commandWork({ command: argv, cwd, env = {}, timeoutMs }: CommandCall): Work {
  return workOf({
    argv,
    cwd,
    env,
    timeoutMs: timeoutMs === undefined ? undefined : checkedTimeout(timeoutMs),
  })
}

function checkedTimeout(ms: number): number {
  const max = LIMITS.commandTimeoutMsMax
  if (Number.isInteger(ms) && ms > 0 && ms <= max) return ms
  const accepts = `a whole number of milliseconds from 1 to ${max}`
  throw new CodedError('input.invalid', { field: 'timeoutMs', got: ms, accepts })
}
