import { setImmediate as nextTurn } from 'node:timers/promises'
import { environmentOf, listProcesses, type ProcessInfo, readProcess } from './linux-processes.ts'
import { MARK_PREFIX } from './markers.ts'

/** All processes at one instant, with what is asked of them: read at most once each, and only when asked. */
export class ProcessTable {
  readonly processes: readonly ProcessInfo[] = listProcesses()
  private readonly byPid = new Map(this.processes.map((info) => [info.pid, info]))
  private readonly byParent = Map.groupBy(this.processes, (info) => info.parent)
  private readonly marks = new Map<number, readonly string[]>()
  private complete = true

  get(pid: number): ProcessInfo | undefined {
    return this.byPid.get(pid)
  }

  childrenOf(pid: number): readonly ProcessInfo[] {
    return this.byParent.get(pid) ?? []
  }

  /** @param marker `NAME=value`, see `markers.ts`. */
  carries(pid: number, marker: string): boolean {
    const marks = this.marks.get(pid) ?? this.readMarks(pid)
    return marks.includes(marker)
  }

  /** False when a process ended before its marks were read: whose it was, and whether it left a child, is not known. */
  get isComplete(): boolean {
    return this.complete
  }

  private readMarks(pid: number): readonly string[] {
    const marks = environmentOf(pid, MARK_PREFIX)
    if (marks.length === 0 && readProcess(pid)?.alive !== true) this.complete = false
    this.marks.set(pid, marks)
    return marks
  }
}

let next: Promise<ProcessTable> | undefined

/**
 * A table that is taken after this call. Whoever asks in the same turn of the event loop shares one: a look reads a few files
 * per process of the machine, and when a node stops, hundreds of executions look at once.
 */
export function takeProcessTable(): Promise<ProcessTable> {
  next ??= nextTurn().then(() => {
    next = undefined
    return new ProcessTable()
  })
  return next
}
