/** The load of `bench tasks`: clients that each give away a piece of work, wait for its result, and begin again. */
import { BenchFailure } from './bench-failure.ts'
import { percentile, rounded } from './stats.ts'
import type { Finished, TaskService, Work } from './task-service.ts'

export interface MeasuredTasks {
  readonly samples: number
  readonly tasksPerSecond: number
  /** From giving away to the news that it runs. */
  readonly startP50Ms: number
  /** From giving away to the result. */
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

export interface TaskMeasure {
  readonly work: Work
  readonly clients: number
  readonly warmUpMs: number
  readonly measureMs: number
}

/** @throws BenchFailure when nothing ended; what made a piece of work fail. */
export async function measureTasks(
  service: TaskService,
  { work, clients, warmUpMs, measureMs }: TaskMeasure,
): Promise<MeasuredTasks> {
  const finished: Finished[] = []
  const from = performance.now() + warmUpMs
  const until = from + measureMs
  const client = async (): Promise<void> => {
    while (performance.now() < until) {
      const one = await service.run(work)
      const now = performance.now()
      if (now >= from && now < until) finished.push(one)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  if (finished.length === 0) throw new BenchFailure(`no task ended within ${measureMs} ms`)
  return tasksOf(finished, measureMs)
}

export function tasksOf(finished: readonly Finished[], measureMs: number): MeasuredTasks {
  const ended = finished.map(({ endedMs }) => endedMs)
  const started = finished.map(({ startedMs }) => startedMs)
  return {
    samples: finished.length,
    tasksPerSecond: rounded(finished.length / (measureMs / 1000), 1),
    startP50Ms: rounded(percentile(started, 0.5), 3),
    p50Ms: rounded(percentile(ended, 0.5), 3),
    p95Ms: rounded(percentile(ended, 0.95), 3),
    p99Ms: rounded(percentile(ended, 0.99), 3),
    maxMs: rounded(percentile(ended, 1), 3),
  }
}
