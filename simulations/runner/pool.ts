/** Runs jobs on all cores, one thread each; results come in the order in which they are ready. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { SeedResult } from '../run-seed.ts'
import type { Job } from './job.ts'

export async function runAll(
  jobs: readonly Job[],
  onResult: (job: Job, result: SeedResult) => void,
): Promise<void> {
  const waiting = [...jobs]
  const threads = Math.min(availableParallelism(), jobs.length)
  await Promise.all(Array.from({ length: threads }, () => work(waiting, onResult)))
}

function work(waiting: Job[], onResult: (job: Job, result: SeedResult) => void): Promise<void> {
  const worker = new Worker(new URL('./seed-worker.ts', import.meta.url))
  return new Promise((resolve, reject) => {
    let job: Job | undefined
    const next = (): void => {
      job = waiting.shift()
      if (job === undefined) void worker.terminate().then(() => resolve(), reject)
      else worker.postMessage(job)
    }
    worker.on('message', (result: SeedResult) => {
      if (job !== undefined) onResult(job, result)
      next()
    })
    worker.on('error', (error) => {
      error.message = `${job?.scenario} seed ${job?.seed}: ${error.message}`
      reject(error)
    })
    next()
  })
}
