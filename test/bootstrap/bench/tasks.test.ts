import { describe, expect, test } from 'vitest'
import { figuresOf as cancelFiguresOf, GRACE_MS } from '../../../bootstrap/bench/cancel.ts'
import { openHttpTaskService } from '../../../bootstrap/bench/http-task-service.ts'
import { startSpawnServer } from '../../../bootstrap/bench/spawn-server.ts'
import { memoryOf } from '../../../bootstrap/bench/stream.ts'
import { measureTasks, tasksOf } from '../../../bootstrap/bench/task-load.ts'
import type { Work } from '../../../bootstrap/bench/task-service.ts'
import { figuresOf } from '../../../bootstrap/bench/tasks.ts'

const finished = (...ms: readonly number[]) => ms.map((at) => ({ startedMs: at / 2, endedMs: at }))
const cancelled = (...ms: readonly number[]) => ms.map((at) => ({ goneMs: at - 1, acknowledgedMs: at }))
const TRUE: Work = { kind: 'command', argv: ['true'] }

test('a round: how many ended in its time, and percentiles of what each took', () => {
  expect(tasksOf(finished(4, 2, 6, 8), 2000)).toEqual({
    samples: 4,
    tasksPerSecond: 2,
    startP50Ms: 2,
    p50Ms: 4,
    p95Ms: 8,
    p99Ms: 8,
    maxMs: 8,
  })
})

test('rounds: the median of each figure, the sum of the samples, the highest maximum', () => {
  const rounds = [finished(1, 1), finished(9, 9), finished(3, 3)].map((round) => tasksOf(round, 1000))
  expect(figuresOf(rounds)).toMatchObject({ rounds: 3, samples: 6, p50Ms: 3, tasksPerSecond: 2, maxMs: 9 })
})

test('cancels: percentiles are over all of them, and no bad round is outvoted', () => {
  const rounds = [cancelled(1, 2), cancelled(3, 4), cancelled(100, 5)]
  const stubborn = cancelled(GRACE_MS + 10, GRACE_MS + 30)
  expect(cancelFiguresOf(rounds, stubborn)).toEqual({
    rounds: 3,
    samples: 6,
    p50Ms: 3,
    p95Ms: 100,
    p99Ms: 100,
    maxMs: 100,
    p95OfRoundsMs: 4,
    stubborn: {
      samples: 2,
      graceMs: GRACE_MS,
      goneAfterGraceMsMax: 29,
      acknowledgedAfterGraceMsMax: 30,
    },
  })
})

test('memory: the second tenth against the last, so that what the start takes is no growth', () => {
  const samples = [50, 90, 100, 100, 100, 100, 100, 100, 100, 104]
  expect(memoryOf(40, samples)).toEqual({ beforeMiB: 40, earlyMiB: 90, lateMiB: 104, maxMiB: 104 })
})

describe('the peer', () => {
  test('runs the command, says when it started, passes on what it prints, and fails as it fails', async () => {
    const server = await startSpawnServer()
    const service = openHttpTaskService(server.port)
    let read = 0
    const printing: Work = { kind: 'command', argv: ['printf', 'hello'] }
    const { startedMs, endedMs } = await service.run(printing, (bytes) => {
      read += bytes
    })
    expect(read).toBe(5)
    expect(startedMs).toBeLessThanOrEqual(endedMs)
    await expect(service.run({ kind: 'command', argv: ['false'] })).rejects.toThrow('it ended with 1')
    await service.close()
    server.close()
  })

  test('is measured by the loop that measures ours', async () => {
    const server = await startSpawnServer()
    const service = openHttpTaskService(server.port)
    const measured = await measureTasks(service, { work: TRUE, clients: 2, warmUpMs: 0, measureMs: 1000 })
    expect(measured.tasksPerSecond).toBe(measured.samples)
    await service.close()
    server.close()
  })
})

test('a load whose work fails says so', async () => {
  const service = { run: () => Promise.reject(new RangeError('no')), close: () => Promise.resolve() }
  const measure = { work: TRUE, clients: 1, warmUpMs: 0, measureMs: 1000 }
  await expect(measureTasks(service, measure)).rejects.toThrow('no')
})
