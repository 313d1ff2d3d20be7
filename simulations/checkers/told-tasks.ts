/**
 * What users are told of their tasks: a task whose name was told is there after any crash; its story begins in a queue, ends once,
 * never goes back to an older lease, and says why the task is not where it was wanted; and output comes in the
 * order in which it was printed, each byte once.
 */
import type { PeerId, TaskId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled'])

export class ToldTasks implements Checker {
  readonly name = 'told-tasks'
  private readonly sink: Sink
  private readonly told = new RecentMap<TaskId, Observed<'task-told'>>(REMEMBERED_ENDED_MAX)
  /** Tasks that each submitter has to know. */
  private readonly known = new Map<PeerId, Set<TaskId>>()
  /** Up to which byte the output of a command was told. */
  private readonly read = new RecentMap<string, number>(REMEMBERED_ENDED_MAX)

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'task-accepted': {
        const { node, task } = observation
        const known = this.known.get(node) ?? new Set()
        this.known.set(node, known.add(task))
        return
      }
      case 'journal-lost':
        this.known.delete(observation.node)
        return
      case 'journal-loaded':
        if (observation.of === 'submitter') this.loaded(observation)
        return
      case 'task-told':
        return this.tells(observation)
      case 'output-told':
        return this.printed(observation)
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private loaded({ node, keys, atMs }: Observed<'journal-loaded'>): void {
    const there = new Set(keys)
    for (const task of this.known.get(node) ?? [])
      if (!there.has(task))
        this.report(`task ${task} was told to its user, and is not in the journal`, node, atMs)
  }

  private tells(change: Observed<'task-told'>): void {
    const { task, state, reason, leaseId, node, atMs } = change
    const before = this.told.get(task)
    this.told.set(task, change)
    if (before === undefined) {
      if (state !== 'queued') this.report(`task ${task} begins as ${state}`, node, atMs)
      return
    }
    if (FINAL.has(before.state)) this.report(`task ${task} goes on as ${state} after its end`, node, atMs)
    if (state === 'fallback' && reason === undefined)
      this.report(`task ${task} falls back, and nobody is told why`, node, atMs)
    if (leaseId !== 0 && leaseId < before.leaseId)
      this.report(`task ${task} goes back from lease ${before.leaseId} to ${leaseId}`, node, atMs)
  }

  private printed({ task, mark, from, to, node, atMs }: Observed<'output-told'>): void {
    const name = `${task} ${mark}`
    const end = this.read.get(name) ?? 0
    this.read.set(name, Math.max(end, to))
    if (from < end)
      this.report(
        `task ${task}: output of ${mark} from byte ${from} on was told before, up to ${end}`,
        node,
        atMs,
      )
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
