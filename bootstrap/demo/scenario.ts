/**
 * What the demo shows: three nodes on this machine become one mesh, two of them do work for the third, one is killed in
 * the middle of a task, and the task ends exactly once all the same.
 */
import { z } from 'zod'
import { CliFailure, type DemoNode, type DemoRunEvent, outputOf } from './demo-node.ts'

export interface DemoTask {
  readonly id: string
  readonly node: string
  readonly leaseId: number | null
  readonly reason: string | null
  readonly exitCode: number | null
  readonly ok: boolean
}

export interface DemoFallback {
  readonly taskId: string
  readonly from: string
  readonly to: string
  readonly reason: string
  readonly starts: number
  readonly finalResults: number
}

export type Say = (line: string) => void

const POLL_MS = 200
const READY_WITHIN_MS = 30_000

const invite = z.looseObject({ invite: z.string() })
const status = z.looseObject({
  authority: z.looseObject({ leader: z.string().nullish(), voters: z.array(z.string()) }),
  members: z.looseObject({ alive: z.number() }),
})
const taskDetail = z.looseObject({
  state: z.string(),
  node: z.string().nullish(),
  reason: z.string().nullish(),
  starts: z.number(),
  finalResults: z.number(),
  history: z.array(z.looseObject({ state: z.string(), reason: z.string().nullish() })),
})

/** Primes below a million, by trial division: a few hundred milliseconds of honest work, with a known answer. */
const PRIMES = `let n=0;for(let i=2;i<1000000;i++){let p=true;for(let d=2;d*d<=i;d++)if(i%d===0){p=false;break}if(p)n++}console.log(n)`
const PRIMES_ANSWER = '78498'
/** The longest Collatz chain below 300,000 starts at 230631. */
const COLLATZ = `let b=0,s=0;for(let i=1;i<300000;i++){let n=i,l=0;while(n!==1){n=n%2?3*n+1:n/2;l++}if(l>b){b=l;s=i}}console.log(s)`
const COLLATZ_ANSWER = '230631'
/** Says who it is, works for five seconds in steps, and ends with an answer. */
const LONG = `console.log('pid '+process.pid);let s=0;const t=setInterval(()=>{s++;console.log('step '+s);if(s===10){clearInterval(t);console.log('answer 42')}},500)`

/** Enrols `others` with real invites, starts all nodes, and waits until they know each other and enough of them vote. */
export async function formMesh(founder: DemoNode, others: readonly DemoNode[], say: Say): Promise<string> {
  await founder.cli(['init', '--node-id', founder.name])
  await founder.up()
  say(`${founder.name} founded a mesh and is up`)
  for (const node of others) {
    const made = await founder.json(invite, ['invite'])
    // By standard input: an invite is a secret, and arguments can be seen by other users of a machine.
    await node.cli(['join', '-', '--node-id', node.name], made.invite)
    await node.up()
    say(`${node.name} joined with an invite of its own and is up`)
  }
  const size = others.length + 1
  // An even number of voters tolerates no more than the odd one below.
  const voting = size % 2 === 1 ? size : size - 1
  const until = Date.now() + READY_WITHIN_MS
  for (;;) {
    const { authority, members } = await founder.json(status, ['status'])
    const { leader, voters } = authority
    if (leader && voters.length === voting && members.alive === size) {
      say(`${leader} leads the lease authority; ${voters.length} nodes vote`)
      return leader
    }
    if (Date.now() > until) throw new CliFailure(`after ${READY_WITHIN_MS} ms ${voters.length} nodes vote`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Runs one computation on `worker` and checks what it printed. */
async function compute(from: DemoNode, worker: DemoNode, code: string, answer: string): Promise<DemoTask> {
  let printed = ''
  let result: DemoRunEvent['task']
  const exitCode = await from.run(worker.name, [process.execPath, '-e', code], (event) => {
    printed += outputOf(event)
    result = event.task ?? result
  })
  return {
    id: result?.taskId ?? '',
    node: result?.node ?? '',
    leaseId: result?.leaseId ?? null,
    reason: result?.reason ?? null,
    exitCode: result?.exitCode ?? null,
    ok: exitCode === 0 && printed.trim() === answer && result?.node === worker.name,
  }
}

export async function workRemotely(
  from: DemoNode,
  workers: readonly [DemoNode, DemoNode],
  say: Say,
): Promise<DemoTask[]> {
  const jobs = [
    { worker: workers[0], what: 'primes below 1,000,000', code: PRIMES, answer: PRIMES_ANSWER },
    {
      worker: workers[1],
      what: 'longest Collatz chain below 300,000',
      code: COLLATZ,
      answer: COLLATZ_ANSWER,
    },
  ]
  const tasks: DemoTask[] = []
  for (const { worker, what, code, answer } of jobs) {
    const task = await compute(from, worker, code, answer)
    say(`${what}: ${answer}, by ${task.node} under lease ${task.leaseId} (${task.reason})`)
    tasks.push(task)
  }
  return tasks
}

/** Starts a long task on `victim`, kills that node without warning, and watches the task end elsewhere, once. */
export async function loseWorker(
  from: DemoNode,
  victim: DemoNode,
  say: Say,
): Promise<DemoFallback & { ok: boolean }> {
  let taskId = ''
  let printed = ''
  let kill: Promise<void> | undefined
  let taskPid = 0
  await from.run(victim.name, [process.execPath, '-e', LONG], (event) => {
    printed += outputOf(event)
    taskId = event.taskId ?? event.task?.taskId ?? taskId
    if (event.type === 'state' && event.state === 'fallback' && event.detail) say(`fallback: ${event.detail}`)
    if (kill === undefined && printed.includes('step 2')) {
      taskPid = Number(/pid (\d+)/.exec(printed)?.[1] ?? 0)
      say(`task ${taskId} runs on ${victim.name} as process ${taskPid}, under this lease:`)
      kill = killAfterShowing(from, victim, say)
    }
  })
  await kill
  const detail = await from.json(taskDetail, ['task', taskId])
  const reason = detail.history.find(({ state }) => state === 'fallback')?.reason ?? ''
  const orphan = isAlive(taskPid)
  say(
    `task ${taskId} ${detail.state} on ${detail.node}: ${detail.starts} starts, ${detail.finalResults} final result`,
  )
  say(orphan ? `process ${taskPid} is still there` : `nothing of it is left on ${victim.name}`)
  const ok =
    detail.state === 'completed' && detail.finalResults === 1 && !orphan && printed.endsWith('answer 42\n')
  const { starts, finalResults } = detail
  return { taskId, from: victim.name, to: detail.node ?? '', reason, starts, finalResults, ok }
}

async function killAfterShowing(from: DemoNode, victim: DemoNode, say: Say): Promise<void> {
  for (const line of (await from.cli(['leases'])).trimEnd().split('\n')) say(`    ${line}`)
  say(`killing ${victim.name} with SIGKILL`)
  await victim.end('SIGKILL')
}

function isAlive(pid: number): boolean {
  if (pid === 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
