/**
 * P1, P3: what a submitter says of a task is what happened. One attempt is at most one process; a result that says how a command
 * ended names an attempt whose command did end so; and a submitter knows of no more starts than there were.
 */
import type { PeerId, ScopeKey } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'
import { keyOfTask } from './quiet-at-end.ts'

export class TrueResult implements Checker {
  readonly name = 'true-result'
  private readonly sink: Sink
  /** Where an attempt was started, by key and lease. */
  private readonly spawned = new RecentMap<string, PeerId>(REMEMBERED_ENDED_MAX)
  private readonly spawns = new RecentMap<ScopeKey, number>(REMEMBERED_ENDED_MAX)
  private readonly exited = new RecentMap<string, number>(REMEMBERED_ENDED_MAX)

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'command-spawned':
        return this.noteSpawn(observation)
      case 'command-exited':
        this.exited.set(`${observation.key} ${observation.leaseId}`, observation.exitCode)
        return
      case 'task-settled':
        return this.settles(observation)
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private noteSpawn({ key, leaseId, node, atMs }: Observed<'command-spawned'>): void {
    const attempt = `${key} ${leaseId}`
    const before = this.spawned.get(attempt)
    this.spawned.set(attempt, node)
    this.spawns.set(key, (this.spawns.get(key) ?? 0) + 1)
    if (before !== undefined)
      this.report(
        `starts the command of ${key} under lease ${leaseId} again; it ran on ${before}`,
        node,
        atMs,
      )
  }

  private settles({
    task,
    state,
    leaseId,
    cause,
    exitCode,
    starts,
    node,
    atMs,
  }: Observed<'task-settled'>): void {
    const key = keyOfTask(task)
    const real = this.spawns.get(key) ?? 0
    if (starts > real)
      this.report(`says that task ${task} was started ${starts} times; it was ${real} times`, node, atMs)
    if (state === 'completed' && cause !== 'exited')
      this.report(`says that task ${task} completed, and no command of it exited`, node, atMs)
    if (cause !== 'exited') return
    const really = this.exited.get(`${key} ${leaseId}`)
    if (really !== exitCode)
      this.report(
        `says that task ${task} exited with ${exitCode} under lease ${leaseId}; the command ${really === undefined ? 'did not' : `exited with ${really}`}`,
        node,
        atMs,
      )
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
