/** What the tests of the room look at: real processes, by their command line, independent of the code under test. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished, vi } from 'vitest'
import { bootMs, type ExecutionId, SystemClock, silentLogger } from '../../src/base/index.ts'
import {
  type Execution,
  type ExecutionDeadline,
  type ExecutionSpec,
  GuardianClient,
  type OutputReader,
} from '../../src/exec/index.ts'

export const clock = new SystemClock()
export const STOP_GRACE_MS = 300

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'populi-exec-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export async function startedClient(
  directory = temporaryDirectory(),
  stopGraceMs = STOP_GRACE_MS,
): Promise<GuardianClient> {
  const client = new GuardianClient({ directory, logger: silentLogger, stopGraceMs })
  onTestFinished(() => client.stop())
  await client.start()
  return client
}

export function within(ms: number, graceMs = 1000): ExecutionDeadline {
  return { termAt: bootMs(clock.now() + ms), killAt: bootMs(clock.now() + ms + graceMs) }
}

let executions = 0

export function specOf(argv: ExecutionSpec['argv'], more: Partial<ExecutionSpec> = {}): ExecutionSpec {
  const executionId = `test-${process.pid}-${++executions}` as ExecutionId
  return { executionId, argv, cwd: undefined, env: {}, deadline: within(60_000), ...more }
}

export interface Run extends Execution {
  /** What was printed so far. */
  text(stream?: 'stdout' | 'stderr'): string
}

/** Runs the command and keeps what it prints. */
export function run(
  client: GuardianClient,
  argv: ExecutionSpec['argv'],
  more: Partial<ExecutionSpec> = {},
): Run {
  const printed: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  const reader: OutputReader = async (stream, chunk) => void printed[stream].push(Buffer.from(chunk))
  const execution = client.run(specOf(argv, more), reader)
  const text: Run['text'] = (stream = 'stdout') => Buffer.concat(printed[stream]).toString()
  return Object.assign(execution, { text })
}

export function shell(script: string): ExecutionSpec['argv'] {
  return ['sh', '-c', script]
}

export function program(script: string): ExecutionSpec['argv'] {
  return [process.execPath, '-e', script]
}

let tags = 0

/** An argument for `sleep` (about three years) that no other process of the machine has. */
export function uniqueSleep(): string {
  return `99${process.pid}${String(++tags).padStart(3, '0')}`
}

/** Pids of the living processes (no zombies) with `text` in their command line; not this one. */
export function living(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => read(`/proc/${pid}/cmdline`).includes(text) && isAlive(Number(pid)))
    .map(Number)
}

export function isAlive(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`)
  return stat !== '' && !/^.*\) [ZX] /s.test(stat)
}

export async function until(condition: () => boolean, timeout = 20_000): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error('not yet')
    },
    { timeout, interval: 10 },
  )
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** What the stand-in prints, see `stand-in.ts`. */
export interface StandInReport {
  readonly guardianPid: number
  readonly bytes?: number
  readonly cause?: string
  readonly ownPeakMiB?: number
  readonly guardianPeakMiB?: number
}

export interface StandIn {
  readonly child: ChildProcess
  readonly pid: number
  /** The next line that it prints. */
  report(): Promise<StandInReport>
  /** Resolves when the new deadline has left for the guardian. */
  extend(deadline: ExecutionDeadline): Promise<void>
}

/** A process of its own in the place of the node, which a test can kill. */
export function standIn(directory: string, spec: ExecutionSpec): StandIn {
  const path = fileURLToPath(new URL('./stand-in.ts', import.meta.url))
  const child = spawn(process.execPath, [path, directory, JSON.stringify(spec)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const report = async (): Promise<StandInReport> => JSON.parse((await lines.next()).value ?? '{}')
  const extend = async (deadline: ExecutionDeadline): Promise<void> => {
    child.stdin.write(`${JSON.stringify(deadline)}\n`)
    await report()
  }
  return { child, pid: child.pid ?? 0, report, extend }
}
