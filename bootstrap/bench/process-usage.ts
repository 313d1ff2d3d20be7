/**
 * What a process costs, as Linux tells it. Of another system nothing is known: a figure of 0 there.
 *
 * RSS counts what a process shares with others (the program, libraries) in full at each of them; PSS divides it among those who share it, so
 * only PSS can be added up.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** `USER_HZ` is 100 on every Linux that Node runs on. */
const MS_PER_CLOCK_TICK = 10
const KIB_PER_MIB = 1024

/** Sums since the process started, and its memory now. */
export interface ProcessUsage {
  /** User and system time of all its threads. */
  readonly cpuMs: number
  readonly rssMiB: number
  readonly pssMiB: number
  /** How often its main thread went to sleep: for a node, how often something woke it. */
  readonly wakeUps: number
  /** Bytes written to sockets, pipes and files. */
  readonly writtenBytes: number
}

/** Everything about a process, its threads included; zeros when it has ended. */
export function usageOf(pid: number): ProcessUsage {
  const rollup = procFile(pid, 'smaps_rollup')
  return {
    cpuMs: cpuMsOf(pid),
    rssMiB: fieldOf(rollup, 'Rss') / KIB_PER_MIB,
    pssMiB: fieldOf(rollup, 'Pss') / KIB_PER_MIB,
    wakeUps: fieldOf(procFile(pid, 'status'), 'voluntary_ctxt_switches'),
    writtenBytes: fieldOf(procFile(pid, 'io'), 'wchar'),
  }
}

/** CPU time that a process has used, its own threads included. */
export const cpuMsOf = (pid: number): number => parseStat(procFile(pid, 'stat')).cpuMs

/** Resident memory: what `usageOf` tells for less work. */
export const rssMiBOf = (pid: number): number => fieldOf(procFile(pid, 'status'), 'VmRSS') / KIB_PER_MIB

/** Whether there is such a process that is alive: one that ended and waits for its parent does not count. */
export function isProcess(pid: number): boolean {
  const stat = procFile(pid, 'stat')
  return stat !== '' && !/\) [ZX] /.test(stat)
}

/** Those that a process has started and that are still there. */
export function childrenOf(parent: number): readonly number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  return pids.filter((pid) => parseStat(procFile(pid, 'stat')).parent === parent)
}

/** Of `/proc/PID/stat`. */
export function parseStat(text: string): { readonly parent: number; readonly cpuMs: number } {
  // The name of the program may hold spaces and brackets; after its last bracket come state, parent, …, utime (12th), stime.
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  return { parent: Number(fields[1] ?? 0), cpuMs: ticks * MS_PER_CLOCK_TICK }
}

/** The figure of a line `name: figure`, 0 when there is none. */
export function fieldOf(text: string, name: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${name}:`))
  return Number.parseInt(line?.slice(name.length + 1) ?? '0', 10)
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
