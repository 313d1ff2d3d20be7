/**
 * After the faults have ended the group works again, and nothing is left behind: within a bound a grant succeeds; at the end
 * no operation waits, nothing runs, no lease is held, every task has its result, and every node that lives has applied
 * all that is committed. Said only of runs that reach their `heal` and `end`.
 */
import type { PeerId, TaskId } from '../../src/base/index.ts'
import type { LeaseCall, Observation, Observed } from '../observation.ts'
import type { AppliedLeases } from './applied-leases.ts'
import type { Checker, Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'

export class Liveness implements Checker {
  readonly name = 'liveness'
  private readonly sink: Sink
  private readonly leases: AppliedLeases
  private readonly commitments: Commitments
  private readonly grantWithinMs: number
  private readonly operations = new Map<string, { readonly call: LeaseCall; readonly node: PeerId }>()
  private readonly executions = new Map<string, Observed<'execution-started'>>()
  private readonly tasks = new Map<TaskId, PeerId>()
  private readonly applied = new Map<PeerId, number>()
  private healedMs: number | undefined
  private granted = false

  /** @param grantWithinMs after `heal`: several election timeouts and the longest TTL of the workload. */
  constructor(sink: Sink, leases: AppliedLeases, commitments: Commitments, grantWithinMs: number) {
    this.sink = sink
    this.leases = leases
    this.commitments = commitments
    this.grantWithinMs = grantWithinMs
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'phase':
        return this.enters(observation)
      case 'op-invoked':
      case 'op-answered':
      case 'op-lost':
        return this.operation(observation)
      case 'execution-started':
        this.executions.set(observation.execution, observation)
        return
      case 'execution-ended':
        this.executions.delete(observation.execution)
        return
      case 'task-accepted':
        this.tasks.set(observation.task, observation.node)
        return
      case 'task-finished':
        this.tasks.delete(observation.task)
        return
      case 'life-began':
        this.applied.set(observation.node, observation.appliedIndex)
        return
      case 'life-ended':
        this.applied.delete(observation.node)
        return
      case 'snapshot-installed':
        this.applied.set(observation.node, observation.base.index)
        return
      case 'entry-applied':
        this.applied.set(observation.node, observation.entry.index)
        return
      default:
        return
    }
  }

  finish(): void {
    // A run that did not reach its end was stopped by something that is reported by itself.
  }

  private enters({ phase, atMs }: Observed<'phase'>): void {
    if (phase === 'heal') {
      this.healedMs = atMs
      this.granted = false
    }
    if (phase !== 'end' || this.healedMs === undefined) return
    if (!this.granted) this.report(`no grant succeeded within ${this.grantWithinMs} ms of the heal`, atMs)
    this.left(atMs)
  }

  private operation(
    observation: Observed<'op-invoked'> | Observed<'op-answered'> | Observed<'op-lost'>,
  ): void {
    const { client, op, node } = observation
    const name = `${client} ${op}`
    if (observation.type === 'op-invoked') {
      this.operations.set(name, { call: observation.call, node })
      return
    }
    const call = this.operations.get(name)?.call
    this.operations.delete(name)
    const inTime = this.healedMs !== undefined && observation.atMs - this.healedMs <= this.grantWithinMs
    if (inTime && call?.kind === 'grant' && observation.type === 'op-answered' && observation.outcome.ok)
      this.granted = true
  }

  private left(atMs: number): void {
    for (const [name, { call, node }] of this.operations)
      this.report(`operation ${name} (${call.kind} ${call.key}) was never answered`, atMs, node)
    for (const { execution, key, node } of this.executions.values())
      this.report(`${execution} for ${key} still runs`, atMs, node)
    for (const { leaseId, key, holder } of this.leases.all())
      this.report(`lease ${leaseId} of ${key} is still held`, atMs, holder)
    for (const [task, node] of this.tasks) this.report(`task ${task} has no final result`, atMs, node)
    for (const [node, index] of this.applied) {
      if (index < this.commitments.lastIndex)
        this.report(`has applied ${index} of ${this.commitments.lastIndex} committed entries`, atMs, node)
    }
  }

  private report(message: string, atMs: number, node?: PeerId): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
