/** P3: a task has exactly one final result. That it gets one at all is `Liveness`' business. */
import type { PeerId, TaskId } from '../../src/base/index.ts'
import type { Observation } from '../observation.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

export class OneFinalResult implements Checker {
  readonly name = 'one-final-result'
  private readonly sink: Sink
  private readonly results = new RecentMap<TaskId, { result: string; node: PeerId }>(REMEMBERED_ENDED_MAX)

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    if (observation.type !== 'task-finished') return
    const { node, task, result, atMs } = observation
    const before = this.results.get(task)
    if (before === undefined) {
      this.results.set(task, { result, node })
      return
    }
    const message = `task ${task} gets the final result ${result} and had ${before.result} on ${before.node}`
    this.sink.violation({ checker: this.name, message, node, atMs })
  }

  finish(): void {
    // Everything was said when it happened.
  }
}
