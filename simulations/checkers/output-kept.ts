/**
 * No byte of output that was acknowledged is lost, doubled or out of place, and what is missing is told in its place: what a
 * submitter has acknowledged to a worker is in its log, also after any restart; the log has each command's output in its order, each
 * byte once; and of a task whose command came to its end at a worker that went on to live, all of it.
 */
import type { PeerId, ScopeKey, TaskId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { LeaseOrNone, Printed } from '../work-facts.ts'
import { GAP_MARK } from '../world/printed.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'
import { keyOfTask } from './quiet-at-end.ts'

interface Log {
  readonly node: PeerId
  readonly sinceMs: number
  /** Up to where the output of each command is on disk. */
  readonly ends: Map<string, number>
  /** It was told that so much is missing before what comes next. */
  gapBytes: number
}

export class OutputKept implements Checker {
  readonly name = 'output-kept'
  private readonly sink: Sink
  private readonly logs = new RecentMap<TaskId, Log>(REMEMBERED_ENDED_MAX)
  /** By key and lease. */
  private readonly marks = new RecentMap<string, string>(REMEMBERED_ENDED_MAX)
  private readonly exited = new RecentMap<string, Observed<'command-exited'>>(REMEMBERED_ENDED_MAX)
  /** When the last process of a node ended: what it had in memory is gone. */
  private readonly diedMs = new Map<PeerId, number>()
  /** When a node lost its disk: what was on it is not held against the next one. */
  private readonly lostMs = new Map<PeerId, number>()

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'command-spawned':
        this.marks.set(attempt(observation.key, observation.leaseId), observation.mark)
        return
      case 'command-exited':
        this.exited.set(attempt(observation.key, observation.leaseId), observation)
        return
      case 'life-ended':
        this.diedMs.set(observation.node, observation.atMs)
        return
      case 'output-found':
        return this.found(observation)
      case 'output-logged':
        return this.logged(observation)
      case 'journal-lost':
        this.lostMs.set(observation.node, observation.atMs)
        return
      case 'task-said':
        return this.said(observation)
      case 'task-settled':
        return this.settled(observation)
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private found({ node, task, begin, pieces, atMs }: Observed<'output-found'>): void {
    const before = this.logOf(task)
    const log: Log = { node, sinceMs: atMs, ends: new Map(), gapBytes: 0 }
    this.logs.set(task, log)
    for (const piece of pieces) this.take(log, piece, task, begin > 0, atMs)
    if (before === undefined) return
    for (const [mark, end] of before.ends) {
      const now = log.ends.get(mark) ?? 0
      if (now < end)
        this.report(`of the output of ${mark} for task ${task}, ${now} of ${end} bytes are left`, node, atMs)
    }
  }

  private logged(piece: Observed<'output-logged'>): void {
    const { task, node, atMs } = piece
    const log = this.logOf(task) ?? { node, sinceMs: atMs, ends: new Map(), gapBytes: 0 }
    this.logs.set(task, log)
    this.take(log, piece, task, false, atMs)
  }

  /** @param mayLack the beginning of the log was let go. */
  private take(log: Log, { mark, from, to }: Printed, task: TaskId, mayLack: boolean, atMs: number): void {
    if (mark === GAP_MARK) {
      log.gapBytes = to
      return
    }
    const gapBytes = log.gapBytes
    log.gapBytes = 0
    const known = log.ends.get(mark)
    const end = known ?? 0
    log.ends.set(mark, Math.max(end, to))
    // What is missing before the first output of an attempt can be the end of the one before it.
    const isInPlace = from === end + gapBytes || (known === undefined && from === 0)
    if (isInPlace || (mayLack && from > end)) return
    this.report(
      `task ${task}: output of ${mark} from ${from} on is logged behind byte ${end}`,
      log.node,
      atMs,
    )
  }

  private said({ node, task, leaseId, word, atMs }: Observed<'task-said'>): void {
    if (word.kind !== 'output-ack') return
    const kept = this.keptOf(task, leaseId)
    if (kept !== undefined && kept < word.bytes)
      this.report(
        `acknowledges ${word.bytes} bytes of output of task ${task}; ${kept} are on disk`,
        node,
        atMs,
      )
  }

  private settled({ node, task, leaseId, cause, atMs }: Observed<'task-settled'>): void {
    if (cause !== 'exited') return
    const end = this.exited.get(attempt(keyOfTask(task), leaseId))
    const kept = this.keptOf(task, leaseId)
    if (end === undefined || kept === undefined) return
    const told = this.logOf(task)?.gapBytes ?? 0
    // The output of an attached attempt is in the memory of its worker until it is acknowledged: what went with it is told a moment later.
    if (kept + told < end.printedBytes && (this.diedMs.get(end.node) ?? 0) < end.atMs)
      this.report(
        `task ${task} has its result; ${kept} of ${end.printedBytes} bytes of its output are on disk, and ${told} are told as missing`,
        node,
        atMs,
      )
  }

  private logOf(task: TaskId): Log | undefined {
    const log = this.logs.get(task)
    if (log === undefined || log.sinceMs < (this.lostMs.get(log.node) ?? 0)) return undefined
    return log
  }

  /** `undefined`: nothing is known of such a log. */
  private keptOf(task: TaskId, leaseId: LeaseOrNone): number | undefined {
    const log = this.logOf(task)
    const mark = this.marks.get(attempt(keyOfTask(task), leaseId))
    return log === undefined || mark === undefined ? undefined : (log.ends.get(mark) ?? 0)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}

const attempt = (key: ScopeKey, leaseId: LeaseOrNone): string => `${key} ${leaseId}`
