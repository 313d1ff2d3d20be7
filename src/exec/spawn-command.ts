import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { CodedError, present } from '../base/index.ts'
import type { OutputStream } from './execution.ts'
import { type ProcessIdentity, readProcess } from './linux-processes.ts'
import { commandEnvironment } from './markers.ts'
import { closePipes, closeWriteEnds, type OutputPipes, type PipePool, readersOf } from './output-pipes.ts'
import type { RunCommand } from './protocol.ts'

export interface SpawnedCommand {
  readonly child: ChildProcess
  readonly output: Readonly<Record<OutputStream, Readable>>
  /** Of a command that is fed. */
  readonly input: Writable | undefined
  readonly identity: ProcessIdentity
}

/**
 * Starts the command as leader of a session and process group of its own, with `/dev/null` as its input unless it is fed.
 *
 * @param onFailed is called once, instead of an answer, with `exec.not_found` or `exec.spawn_failed`.
 */
export function spawnCommand(
  command: RunCommand,
  pool: PipePool,
  onFailed: (error: CodedError) => void,
): SpawnedCommand | undefined {
  if (command.cwd !== undefined && !isDirectory(command.cwd)) {
    const reason = `its working directory ${command.cwd} does not exist`
    onFailed(new CodedError('exec.spawn_failed', { command: command.argv[0], reason }))
    return undefined
  }
  const pipes = pool.take()
  const child = startChild(command, pipes, onFailed)
  if (child?.pid === undefined) {
    if (pipes !== undefined) closePipes(pipes)
    return undefined
  }
  if (pipes !== undefined) closeWriteEnds(pipes)
  const output = pipes === undefined ? socketsOf(child) : readersOf(pipes)
  // Also a process that has ended already is still there: nobody has asked for its exit code yet.
  const { pid, startTicks } = present(readProcess(child.pid), 'the process that was just started')
  const input = child.stdin ?? undefined
  // A command that ended meanwhile takes no input: its end is told otherwise.
  input?.on('error', () => undefined)
  return { child, output, input, identity: { pid, startTicks } }
}

/** @returns a child without a pid when it could not be started, or none at all. */
function startChild(
  command: RunCommand,
  pipes: OutputPipes | undefined,
  onFailed: (error: CodedError) => void,
): ChildProcess | undefined {
  const [program, ...args] = command.argv
  let child: ChildProcess
  try {
    child = spawn(program, args, {
      cwd: command.cwd,
      env: commandEnvironment(process.env, command.env, command.executionId),
      detached: true,
      stdio: [
        command.fed ? 'pipe' : 'ignore',
        pipes?.stdout.writeEnd ?? 'pipe',
        pipes?.stderr.writeEnd ?? 'pipe',
      ],
    })
  } catch (thrown) {
    onFailed(spawnError(program, thrown))
    return undefined
  }
  // Without a pid this event follows; with one it would be of a signal that could not be sent, which is not sent so.
  child.on('error', (error) => child.pid === undefined && onFailed(spawnError(program, error)))
  return child
}

function socketsOf({ stdout, stderr }: ChildProcess): SpawnedCommand['output'] {
  return { stdout: present(stdout, 'its stdout'), stderr: present(stderr, 'its stderr') }
}

function spawnError(program: string, thrown: unknown): CodedError {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (code === 'ENOENT' && !isFile(program)) return new CodedError('exec.not_found', { command: program })
  return new CodedError('exec.spawn_failed', { command: program, reason: reasonOf(code, thrown) })
}

function reasonOf(code: unknown, thrown: unknown): string {
  switch (code) {
    case 'ENOENT':
      return 'the interpreter in its first line does not exist'
    case 'EACCES':
      return 'it is not executable, or this user may not execute it'
    case 'E2BIG':
      return 'its arguments and environment are too large'
    default:
      return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

/** A path, and not a name that is looked up in `PATH`. */
function isFile(program: string): boolean {
  return program.includes('/') && (statSync(program, { throwIfNoEntry: false })?.isFile() ?? false)
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
