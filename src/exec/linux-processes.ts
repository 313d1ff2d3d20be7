/**
 * All that the room asks of the operating system beyond `spawn`: who is alive, in which group, started when, with
 * which environment. Linux only: the answers come from `/proc`.
 *
 * Other systems: macOS has no `/proc`; `sysctl(KERN_PROC)` and `KERN_PROCARGS2` give the same facts and would be
 * a second file beside this one. Windows has job objects, which make the search needless. Until then
 * `assertSupportedSystem` refuses: without proof of quiet a lease cannot be given back (design §7), so
 * running commands anyway would break the single-owner promise silently.
 *
 * Calls are synchronous. A `/proc` read never waits for a disk, and a look at all processes must be as close to one
 * instant as can be; it costs about 10 µs per process.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { CodedError } from '../base/index.ts'

/** A pid alone is reused; with the start of the process it names one process for good. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of `/proc/PID/stat`: clock ticks from boot to the start of the process. */
  readonly startTicks: number
}

export interface ProcessInfo extends ProcessIdentity {
  readonly parent: number
  readonly group: number
  readonly session: number
  /** A zombie holds nothing but its pid: no memory, no file, no device. It does not count as alive. */
  readonly alive: boolean
}

/** @throws CodedError `exec.unsupported_system` */
export function assertSupportedSystem(): void {
  if (process.platform !== 'linux')
    throw new CodedError('exec.unsupported_system', { system: process.platform })
}

/**
 * Every process that there was at one instant after the call, dead ones included. One listing is not enough: a
 * process that forks and ends while it is read would leave a child that is in no listing. So the list is taken
 * again until it shows no pid that was not looked at.
 */
export function listProcesses(): ProcessInfo[] {
  const seen = new Map<string, ProcessInfo | undefined>()
  for (let listing = 0; listing < LISTINGS_MAX; listing++) {
    let fresh = false
    for (const name of readdirSync('/proc')) {
      if (seen.has(name) || !isPid(name)) continue
      fresh = true
      seen.set(name, readProcess(name))
    }
    if (!fresh) break
  }
  return [...seen.values()].filter((info) => info !== undefined)
}

/** On a machine where processes appear faster than they can be listed, the next look will see the rest. */
const LISTINGS_MAX = 20

/** `undefined` when there is no such process, not even as a zombie. */
export function readProcess(pid: number | string): ProcessInfo | undefined {
  const stat = readOrUndefined(`/proc/${pid}/stat`)
  return stat === undefined ? undefined : parseStat(stat.toString('latin1'))
}

/** The variables that the process was started with, or inherited by fork, as `NAME=value`: those that begin with `prefix`. */
export function environmentOf(pid: number, prefix: string): readonly string[] {
  const environment = readOrUndefined(`/proc/${pid}/environ`)
  // Most processes have none of them: a search in the bytes is all that they cost.
  if (environment?.includes(prefix) !== true) return []
  return environment
    .toString()
    .split('\0')
    .filter((variable) => variable.startsWith(prefix))
}

/**
 * Whether the main thread of this process has children that have not ended, or were not waited for yet. Where the kernel does
 * not say (it is built without `CONFIG_PROC_CHILDREN`), yes: not to know is not to have none.
 */
export function hasChildren(): boolean {
  const children = readOrUndefined(`/proc/self/task/${process.pid}/children`)
  return children === undefined || children.length > 0
}

/** Changes with each start of the machine: a pid and start time of another boot mean nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
}

/** proc(5). The name of the program, field 2, may hold spaces and parentheses: fields are counted after its end. */
export function parseStat(stat: string): ProcessInfo {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const field = (number: number): number => Number(fields[number - 3])
  const state = fields[0] ?? ''
  // A main thread that ended before its other threads looks like a zombie, and the process is alive.
  const otherThreads = field(20) > 1
  return {
    pid: Number.parseInt(stat, 10),
    parent: field(4),
    group: field(5),
    session: field(6),
    startTicks: field(22),
    alive: !'ZXx'.includes(state) || otherThreads,
  }
}

/**
 * @param target a pid, or minus the pid of a group's leader.
 * @returns false when there is nobody to take the signal, or this user may not send it.
 */
export function sendSignal(target: number, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): boolean {
  try {
    return process.kill(target, signal)
  } catch {
    return false
  }
}

/** Names a folder on this machine, also among containers that share the processes but not the files. */
export function folderIdentity(path: string): string {
  const { dev, ino } = statSync(path)
  return `${dev}:${ino}`
}

function isPid(name: string): boolean {
  const first = name.charCodeAt(0)
  return first >= 0x31 && first <= 0x39
}

/**
 * `undefined` when the process ended meanwhile or belongs to another user. Any other failure (no file descriptor
 * left) is thrown: taken for an absent process it would prove a quiet that there is not.
 */
function readOrUndefined(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return undefined
    throw error
  }
}
