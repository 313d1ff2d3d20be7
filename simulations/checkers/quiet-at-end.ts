/**
 * P3, P4: who was told the final result of a task may take its machine back: nothing of it executes then, and nothing will later.
 * So a cancel that was acknowledged means quiet. Only while clock rates keep their bound, as `SingleOwner`.
 */
import type { PeerId, ScopeKey, TaskId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

export class QuietAtEnd implements Checker {
  readonly name = 'quiet-at-end'
  private readonly sink: Sink
  private readonly running = new Map<string, Observed<'execution-started'>>()
  private readonly settled = new RecentMap<ScopeKey, string>(REMEMBERED_ENDED_MAX)

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'execution-started': {
        const { key, execution, node, atMs } = observation
        this.running.set(execution, observation)
        const state = this.settled.get(key)
        if (state !== undefined) this.report(`${execution} starts; ${key} was told as ${state}`, node, atMs)
        return
      }
      case 'execution-ended':
        this.running.delete(observation.execution)
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

  private settles({ task, state, atMs }: Observed<'task-settled'>): void {
    const key = keyOfTask(task)
    this.settled.set(key, state)
    for (const { key: other, execution, node } of this.running.values())
      if (other === key) this.report(`${execution} still runs when ${key} is told as ${state}`, node, atMs)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}

export const keyOfTask = (task: TaskId): ScopeKey => `task:${task}` as ScopeKey
