/**
 * Gives tasks to the submitter of one machine, as a user at its keyboard would, and tells what became of them, over all lives
 * of the node.
 */
import type { LeaseId, Random, TaskId } from '../../src/base/index.ts'
import type { MeshNode } from '../../src/node/index.ts'
import { digestOf } from '../world/facts.ts'
import type { Machine } from '../world/machine.ts'
import type { World } from '../world/world.ts'

export interface TaskWorkload {
  /** Between two tasks of one machine, on average. */
  readonly pauseMs: number
  readonly workMsMax: number
}

/** Stands for the result of a task whose submitter lost its disk, or left for good. */
const GONE = 'gone with its submitter'
const CANCELLED_PART = 0.1
/** Part of the tasks that ask for a certain machine, perhaps the submitter's own. */
const ON_SOME_MACHINE_PART = 0.3

type Submission = ReturnType<MeshNode['submitter']['find']>

export class TaskClient {
  private readonly world: World
  readonly machine: Machine
  private readonly workload: TaskWorkload
  private readonly random: Random
  private readonly accepted = new Set<TaskId>()
  /** Digest of the final result, by task. */
  private readonly finished = new Map<TaskId, string>()
  private isStopped = false

  constructor(init: { world: World; machine: Machine; workload: TaskWorkload; random: Random }) {
    this.world = init.world
    this.machine = init.machine
    this.workload = init.workload
    this.random = init.random
  }

  start(): void {
    this.world.queue.after(this.random.float() * 2 * this.workload.pauseMs, () => {
      if (this.isStopped) return
      const node = this.machine.running
      if (node !== undefined) this.submit(node)
      this.start()
    })
  }

  stop(): void {
    this.isStopped = true
  }

  /** Every task that was taken on has its final result. */
  get isAtRest(): boolean {
    return [...this.accepted].every((task) => this.finished.has(task))
  }

  /** The journal is gone: nobody will hear of these tasks again, and their owner knows why. */
  journalLost(): void {
    for (const task of this.accepted) {
      if (this.finished.has(task)) continue
      this.finished.set(task, GONE)
      this.world.observe({ type: 'task-finished', node: this.machine.peer, task, result: GONE })
    }
  }

  /** The node is up again: what its journal says of the tasks that it had accepted. */
  nodeRuns(node: MeshNode): void {
    for (const { taskId } of node.submitter.records()) {
      this.accepts(taskId)
      this.follow(node.submitter.find(taskId))
    }
  }

  private submit(node: MeshNode): void {
    const { random, workload } = this
    const others = this.world.machines.map(({ name }) => name)
    const on =
      random.float() < ON_SOME_MACHINE_PART ? others[random.integer(0, others.length - 1)] : undefined
    const work = String(random.integer(20, workload.workMsMax))
    const argv = ['work', work, random.float() < 0.7 ? 'obeys' : 'ignores']
    const request = { argv, on, cwd: undefined, env: {}, timeoutMs: undefined }
    const { process } = this.machine
    const submission = node.submitter.submit(request, (event) => {
      if (event.type === 'state' && process?.isOver === false) this.accepts(event.taskId)
      return Promise.resolve()
    })
    this.watchResults(submission)
    this.follow(submission)
    if (random.float() < CANCELLED_PART)
      process?.after(random.integer(10, workload.workMsMax), () => submission.cancel())
  }

  private accepts(task: TaskId): void {
    if (this.accepted.has(task)) return
    this.accepted.add(task)
    this.world.observe({ type: 'task-accepted', node: this.machine.peer, task })
  }

  private follow(submission: Submission): void {
    const { process } = this.machine
    const note = (): void => {
      if (process?.isOver !== false) return
      const { taskId, record } = submission.task
      const { state, reason, error, outcome, finalResults } = record
      const fields = [
        state,
        reason,
        error,
        finalResults,
        outcome?.cause,
        outcome?.exitCode,
        outcome?.outputBytes,
      ]
      const result = digestOf(Buffer.from(JSON.stringify(fields)))
      // A result that came again is told when it is another one.
      if (this.finished.get(taskId) === result) return
      this.finished.set(taskId, result)
      this.world.observe({ type: 'task-finished', node: this.machine.peer, task: taskId, result })
    }
    if (submission.isEnded) note()
    else void submission.ended.then(note)
  }

  /** Sees each result that reaches the task's core, and whether it changed the task. */
  private watchResults(submission: Submission): void {
    const { task, scopeKey } = submission
    const handle = task.handle.bind(task)
    let known: LeaseId | 0 = 0
    task.handle = (event, wall) => {
      if (event.type === 'lease-granted' && event.leaseId > known) known = event.leaseId
      if (event.type !== 'message' || event.message.type !== 'remote_task_result') return handle(event, wall)
      const before = task.record.refusedResults
      const wasFinal = task.record.finalResults
      const effects = handle(event, wall)
      const leaseId = event.message.exec_lease_id
      const changed =
        task.record.finalResults > wasFinal || (wasFinal === 0 && task.record.refusedResults === before)
      if (leaseId !== undefined)
        this.world.observe({
          type: 'result-judged',
          node: this.machine.peer,
          key: scopeKey,
          leaseId: leaseId as LeaseId,
          accepted: changed,
          known,
        })
      return effects
    }
  }
}
