/** A thread that runs one job after another (`pool.ts`). */
import { parentPort } from 'node:worker_threads'
import { present } from '../../src/base/index.ts'
import { type Job, runJob } from './job.ts'

const port = present(parentPort, 'the thread that started this one')

port.on('message', (job: Job) => {
  // A run that throws takes the thread with it, and the runner with the thread: the simulator itself is wrong.
  void runJob(job).then((result) => port.postMessage(result))
})
