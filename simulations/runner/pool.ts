/** Runs jobs on all cores, one thread each; results come in the order in which they are ready. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

export interface Work<Job, Result> {
  /** The program of a thread: it is sent a job, and answers with its result. */
  readonly program: URL
  readonly jobs: readonly Job[]
  /** For the message of a run that threw. */
  readonly nameOf: (job: Job) => string
  readonly onResult: (job: Job, result: Result) => void
}

export async function runAll<Job, Result>(work: Work<Job, Result>): Promise<void> {
  const waiting = [...work.jobs]
  const threads = Math.min(availableParallelism(), waiting.length)
  await Promise.all(Array.from({ length: threads }, () => runThread(work, waiting)))
}

function runThread<Job, Result>(
  { program, nameOf, onResult }: Work<Job, Result>,
  waiting: Job[],
): Promise<void> {
  const worker = new Worker(program)
  return new Promise((resolve, reject) => {
    let job: Job | undefined
    const next = (): void => {
      job = waiting.shift()
      if (job === undefined) void worker.terminate().then(() => resolve(), reject)
      else worker.postMessage(job)
    }
    worker.on('message', (result: Result) => {
      if (job !== undefined) onResult(job, result)
      next()
    })
    worker.on('error', (error) => {
      if (job !== undefined) error.message = `${nameOf(job)}: ${error.message}`
      reject(error)
    })
    next()
  })
}
