import { type BootMs, bootMs, type ErrorShape, type ExecutionId } from '../base/index.ts'
import type { ProcessIdentity } from './linux-processes.ts'

/** What to run. The command inherits the worker's environment without the node's secrets, then `env`. */
export interface ExecutionSpec {
  /** Unique among the executions of this node, ever: 1 to 64 printable ASCII characters without space. */
  readonly executionId: ExecutionId
  readonly argv: readonly [string, ...string[]]
  /** `undefined`: the working directory of the node. */
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly deadline: ExecutionDeadline
}

/**
 * By the boot clock of base (`SystemClock.now()`), which the processes of one machine agree on: absolute, so
 * that a command that waited in a pipe has lost that time. `termAt` at or before `killAt`.
 */
export interface ExecutionDeadline {
  /** The command is told to end (TERM). */
  readonly termAt: BootMs
  /** Whatever is left of it is killed (KILL); the time to prove quiet comes after this. */
  readonly killAt: BootMs
}

/** Of what may run until somebody says otherwise. */
export const NO_DEADLINE: ExecutionDeadline = {
  termAt: bootMs(Number.MAX_SAFE_INTEGER),
  killAt: bootMs(Number.MAX_SAFE_INTEGER),
}

/**
 * - `exited`: the main process ended by itself, whatever its exit code or signal.
 * - `killed-on-order`: `end` was called, or the reader of the output failed.
 * - `deadline`: `termAt` passed.
 * - `guardian-lost`: the guardian process ended alone; the node ended what it had started.
 * - `spawn-failed`: nothing ran; `error` says why.
 */
type ExitCause = 'exited' | 'killed-on-order' | 'deadline' | 'guardian-lost' | 'spawn-failed'

export interface ExecutionEnd {
  /** `undefined` when a signal ended the main process, when nothing ran, or when nobody saw it end. */
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly cause: ExitCause
  /** True only when it is proven that no process of the execution is left. */
  readonly quiet: boolean
  /**
   * With `spawn-failed`: `exec.not_found`, `exec.spawn_failed`, `function.not_loaded`; with `guardian-lost`: `exec.guardian_lost`;
   * with `exited`, when a function failed: `function.failed`, `function.host_lost`, `limit.exceeded`.
   */
  /** Of which it is known that they belonged to it, its main process first: whoever else must be quiet is asked for them. */
  readonly processes?: readonly ProcessIdentity[]
  /** With `spawn-failed`: `exec.not_found`, `exec.spawn_failed`; with `guardian-lost`: `exec.guardian_lost`. */
  readonly error?: ErrorShape
  /** What a function returned, as JSON text. */
  readonly valueJson?: string
}

export type OutputStream = 'stdout' | 'stderr'

/**
 * Takes one piece of output, in order per stream. The next one comes when the promise settles, and a
 * command whose output is not taken stands still. A rejection ends the execution.
 */
export type OutputReader = (stream: OutputStream, chunk: Uint8Array) => Promise<void>

export interface Execution {
  readonly executionId: ExecutionId
  /** Rejects with a `CodedError` when nothing was started; need not be listened to. */
  readonly started: Promise<{ readonly pid: number }>
  /** Never rejects. Settles when all output was taken and the execution is quiet, or a limit has passed. */
  readonly ended: Promise<ExecutionEnd>
  /** Replaces the deadline. Comes too late once the command was told to end. */
  extend(deadline: ExecutionDeadline): void
  /** TERM to the process group, the grace time, KILL to everything. `reason` goes to the log. */
  end(reason: string): void
}

/** An execution with an input. */
export interface FedExecution extends Execution {
  /**
   * Writes to its input under a new deadline: both reach it or neither does. Only after it was started; comes too late
   * once the command was told to end.
   */
  feed(bytes: Uint8Array, deadline: ExecutionDeadline): void
}
