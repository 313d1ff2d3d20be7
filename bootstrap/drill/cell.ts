/** One cell of the table: one task, one fault at one step of its life, and what became of it. */
import { join } from 'node:path'
import type { TaskId } from '../../src/base/index.ts'
import type { LeaseView, LogEvent, TaskDetailView } from '../../src/node/control/index.ts'
import type { DrillMesh, Roles } from './drill-mesh.ts'
import { processesOf } from './drill-node.ts'
import type { Fault } from './faults.ts'
import type { Step } from './steps.ts'
import { SubmissionProcess } from './submission-process.ts'
import { type LifeOfExecution, TaskLife } from './task-life.ts'
import { becomes, until } from './waiting.ts'

/** A task gets to every step within a second; with other work on the machine within ten. */
const REACHED_WITHIN_MS = 20_000
/** After the fault is over. Parts of the TTL: a lease that nobody gives back runs out in one, and a second attempt has one of its own. */
const ENDS_WITHIN_TTLS = 4
/** Beside it: elections, dials, processes, on a busy machine. */
const PATIENCE_MS = 15_000

/** What was found out about a cell; `judge.ts` says what of it may be. */
export interface CellFacts {
  readonly step: Step
  readonly fault: Fault
  readonly roles: { readonly submitter: string; readonly worker: string; readonly third: string }
  readonly taskId: string | undefined
  /** As the submitter has it; undefined when it knows no such task. */
  readonly task: TaskDetailView | undefined
  readonly executions: readonly LifeOfExecution[]
  /** What the submitter has kept of the output, of all executions. */
  readonly output: string
  readonly cli: { readonly exitCode: number | undefined; readonly results: number }
  /** Processes of the task that are still there. */
  readonly leftovers: readonly number[]
  readonly leasesLeft: readonly LeaseView[]
  /** Nodes that ended without being told to. */
  readonly nodesEnded: readonly string[]
  readonly tookMs: number
}

interface CellInit {
  readonly mesh: DrillMesh
  readonly step: Step
  readonly fault: Fault
  readonly ttlMs: number
  readonly folder: string
}

/** @throws DrillFailure when the step was never reached, or the mesh did not become whole. */
export async function runCell({ mesh, step, fault, ttlMs, folder }: CellInit): Promise<CellFacts> {
  const roles = await mesh.whole()
  const startedAt = performance.now()
  const life = new TaskLife(join(folder, 'life'))
  const { submitter, worker } = roles
  const holder = roles[step.at]
  holder.holds.arm(step.hook)
  if (step.ends) life.finish()
  const cli = new SubmissionProcess(step, submitter, worker.name, life)
  try {
    await reachStep(step, roles, life, cli)
    await fault.happens({ ...roles, ttlMs, release: () => holder.holds.release(step.hook) })
    life.finish()
    const withinMs = ttlMs * ENDS_WITHIN_TTLS + PATIENCE_MS
    let task: TaskDetailView | undefined
    const nodesEnded: string[] = []
    await becomes(async () => {
      nodesEnded.push(...(await mesh.restartEnded()))
      task = await taskAt(roles, cli.taskId)
      return task?.endedUnixMs !== undefined
    }, withinMs)
    cli.askForEnd()
    await becomes(() => cli.exitCode !== undefined, PATIENCE_MS)
    return {
      step,
      fault,
      roles: { submitter: submitter.name, worker: worker.name, third: roles.third.name },
      taskId: cli.taskId,
      task,
      ...(await whatIsLeft(roles, cli.taskId, withinMs)),
      executions: life.executions(),
      output: await outputAt(roles, cli.taskId),
      cli: { exitCode: cli.exitCode, results: cli.results },
      nodesEnded,
      tookMs: Math.round(performance.now() - startedAt),
    }
  } finally {
    cli.kill()
    life.finish()
  }
}

async function reachStep(step: Step, roles: Roles, life: TaskLife, cli: SubmissionProcess): Promise<void> {
  if (step.cancels) {
    await until('the command runs', REACHED_WITHIN_MS, () => life.hasBegun && cli.taskId !== undefined)
    cli.cancel()
  }
  const { holds } = roles[step.at]
  await until(`step "${step.name}"`, REACHED_WITHIN_MS, () => holds.isReached(step.hook))
  await until('the task has a name', REACHED_WITHIN_MS, () => cli.taskId !== undefined)
}

async function taskAt({ submitter }: Roles, taskId: string | undefined): Promise<TaskDetailView | undefined> {
  if (taskId === undefined) return undefined
  return submitter.control.task(taskId as TaskId).catch(() => undefined)
}

/** Asked until it is told whole: a node that was just started, or a machine that is busy, may answer late. */
async function outputAt({ submitter }: Roles, taskId: string | undefined): Promise<string> {
  let output = ''
  if (taskId === undefined) return output
  const request = { taskId: taskId as TaskId, follow: false, tail: undefined }
  await becomes(async () => {
    output = ''
    const take = async (event: LogEvent): Promise<void> => {
      if (event.type === 'output') output += Buffer.from(event.chunk).toString()
    }
    const told = submitter.control.logs(request, take, AbortSignal.timeout(PATIENCE_MS))
    return told.then(
      () => true,
      () => false,
    )
  }, PATIENCE_MS)
  return output
}

/** Processes and leases of the task: none, after a while. */
async function whatIsLeft(
  { third }: Roles,
  taskId: string | undefined,
  withinMs: number,
): Promise<Pick<CellFacts, 'leftovers' | 'leasesLeft'>> {
  let leasesLeft: readonly LeaseView[] = []
  let leftovers: readonly number[] = []
  await becomes(async () => {
    leftovers = taskId === undefined ? [] : processesOf(taskId)
    const leases = await third.control.leases().catch(() => undefined)
    leasesLeft = (leases ?? []).filter(({ scopeKey }) => scopeKey === `task:${taskId}`)
    return leases !== undefined && leftovers.length === 0 && leasesLeft.length === 0
  }, withinMs)
  return { leftovers, leasesLeft }
}
