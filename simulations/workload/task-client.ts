/**
 * Gives tasks to the submitter of one machine, as a user at its keyboard would, and tells what became of them, over all lives
 * of the node.
 */
import type { Random, TaskId } from '../../src/base/index.ts'
import type { RunEvent } from '../../src/node/control/index.ts'
import type { MeshNode } from '../../src/node/index.ts'
import { digestOf } from '../world/facts.ts'
import type { Machine } from '../world/machine.ts'
import { readPrinted } from '../world/printed.ts'
import type { VirtualProcess } from '../world/virtual-process.ts'
import type { World } from '../world/world.ts'
import { drawCancel, drawTask, type Reader, type TaskWorkload } from './task-kinds.ts'

/** Stands for the result of a task whose submitter lost its disk, or left for good. */
const GONE = 'gone with its submitter'

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
      const { process } = this.machine
      if (node !== undefined && process !== undefined) this.submit(node, process)
      this.start()
    })
  }

  stop(): void {
    this.isStopped = true
  }

  /** Tasks that were taken on. */
  get lives(): number {
    return this.accepted.size
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
      const submission = node.submitter.find(taskId)
      this.accepts(taskId)
      this.watchResults(submission)
      this.follow(submission)
    }
  }

  private submit(node: MeshNode, process: VirtualProcess): void {
    const { random, workload } = this
    const machines = this.world.machines.map(({ name }) => name)
    const { request, reader, cancelAfterMs } = drawTask(random, workload, machines, process.wall())
    const read = (event: RunEvent): Promise<void> => this.read(process, reader, event, submission)
    const submission = node.submitter.submit(request, reader.kind === 'none' ? undefined : read)
    void submission.accepted.then(() => {
      if (!process.isOver) this.accepts(submission.task.taskId)
    })
    this.watchResults(submission)
    this.follow(submission)
    const cancelMs = workload.kinds === 'work' ? drawCancel(random, workload) : cancelAfterMs
    if (cancelMs !== undefined) process.after(cancelMs, () => submission.cancel())
    if (reader.kind === 'leaves')
      process.after(reader.afterMs, () => (reader.endsTask ? submission.abandon() : submission.leave()))
  }

  /** What a user is told, at that user's speed. */
  private read(
    process: VirtualProcess,
    reader: Reader,
    event: RunEvent,
    submission: Submission,
  ): Promise<void> {
    if (process.isOver) return Promise.resolve()
    const { peer: node } = this.machine
    if (event.type === 'state') {
      const { taskId: task, state, leaseId = 0, reason, detail } = event
      this.accepts(task)
      this.world.observe({ type: 'task-told', node, task, state, leaseId, reason, detail })
    } else if (event.type === 'output' && this.workload.kinds === 'lives') {
      const { taskId: task } = submission.task
      for (const piece of readPrinted(event.chunk))
        this.world.observe({ type: 'output-told', node, task, ...piece })
    }
    if (reader.kind !== 'slow') return Promise.resolve()
    return new Promise((resolve) => process.after(reader.pauseMs, resolve))
  }

  private accepts(task: TaskId): void {
    if (this.accepted.has(task)) return
    this.accepted.add(task)
    this.world.observe({ type: 'task-accepted', node: this.machine.peer, task })
  }

  private follow(submission: Submission): void {
    const { process } = this.machine
    const note = (): void => {
      if (process?.isOver === false) this.settled(submission)
    }
    if (submission.isSettled) note()
    else void submission.ended.then(note)
  }

  private settled(submission: Submission): void {
    const { taskId: task, record } = submission.task
    const { state, reason, error, outcome, finalResults, attempt, starts } = record
    const { cause, exitCode, outputBytes } = outcome ?? {}
    const fields = [state, reason, error, finalResults, cause, exitCode, outputBytes]
    const result = digestOf(Buffer.from(JSON.stringify(fields)))
    // A result that came again is told when it is another one.
    if (this.finished.get(task) === result) return
    // Its end may come before anybody was told of its beginning.
    this.accepts(task)
    this.finished.set(task, result)
    const { peer: node } = this.machine
    const leaseId = attempt?.leaseId ?? 0
    this.world.observe({ type: 'task-settled', node, task, state, reason, leaseId, cause, exitCode, starts })
    this.world.observe({ type: 'task-finished', node, task, result })
  }

  /** Sees each result that reaches the task's core, and whether it changed the task. */
  private watchResults(submission: Submission): void {
    const { task, scopeKey } = submission
    const handle = task.handle.bind(task)
    task.handle = (event, time) => {
      if (event.type !== 'message' || event.message.type !== 'remote_task_result') return handle(event, time)
      const { exec_lease_id: leaseId } = event.message
      const { refusedResults, attempt } = task.record
      const effects = handle(event, time)
      if (leaseId !== undefined)
        this.world.observe({
          type: 'result-judged',
          node: this.machine.peer,
          key: scopeKey,
          leaseId,
          accepted: task.record.refusedResults === refusedResults,
          known: attempt?.leaseId ?? 0,
        })
      // Whatever came late has changed nothing.
      if (submission.isSettled) this.settled(submission)
      return effects
    }
  }
}
