/** A thread that runs one job after another (`../runner/pool.ts`). */
import { parentPort } from 'node:worker_threads'
import { present } from '../../src/base/index.ts'
import { type MembershipJob, runMembershipJob } from './job.ts'

const port = present(parentPort, 'the thread that started this one')

port.on('message', (job: MembershipJob) => port.postMessage(runMembershipJob(job)))
