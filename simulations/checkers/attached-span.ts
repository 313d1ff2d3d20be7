/**
 * The submitter's own lease of an attached task (design §7). A worker executes only within a span that its submitter gave it:
 * `T·(1−ρ)` of the worker's clock from the sending of a request that was answered. And a submitter executes at home without
 * the authority only when no worker has such a span, or the one that had it has said that it is quiet. A detached task is
 * never executed without a lease.
 */
import type { PeerId, ScopeKey, TaskId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { LeaseOrNone } from '../work-facts.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'
import type { Clocks } from './clocks.ts'
import { keyOfTask } from './quiet-at-end.ts'

/** Sums of clock readings are not exact. */
const ROUNDING_MS = 0.001

interface Attempt {
  readonly submitter: PeerId
  readonly worker: PeerId
  readonly leaseId: LeaseOrNone
  readonly ttlMs: number
  /** When each request was sent first, on the worker's clock. */
  readonly sentMs: Map<number, number>
  /** On the worker's clock. */
  untilMs: number
  /** The worker said that nothing of it runs. */
  isOver: boolean
}

export class AttachedSpan implements Checker {
  readonly name = 'attached-span'
  private readonly sink: Sink
  private readonly clocks: Clocks
  private readonly driftRatio: number
  /** Of each key, with the newest one last. */
  private readonly attempts = new RecentMap<string, Attempt[]>(REMEMBERED_ENDED_MAX)
  private readonly detached = new RecentMap<ScopeKey, true>(REMEMBERED_ENDED_MAX)
  private readonly running = new Map<string, Observed<'execution-started'>>()

  constructor(sink: Sink, clocks: Clocks, driftRatio: number) {
    this.sink = sink
    this.clocks = clocks
    this.driftRatio = driftRatio
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'task-recorded':
        if (!observation.attached) this.detached.set(keyOfTask(observation.task), true)
        return
      case 'task-said':
        return this.said(observation)
      case 'execution-started':
        this.running.set(observation.execution, observation)
        return this.started(observation)
      case 'execution-ended': {
        const started = this.running.get(observation.execution)
        this.running.delete(observation.execution)
        if (started !== undefined) this.judge(started, observation.atMs)
        return
      }
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private said({ node, to, task, leaseId, word, atMs }: Observed<'task-said'>): void {
    switch (word.kind) {
      case 'offer': {
        if (word.attachedTtlMs === undefined || this.find(task, leaseId) !== undefined) return
        const attempt: Attempt = {
          submitter: node,
          worker: to,
          leaseId,
          ttlMs: word.attachedTtlMs,
          sentMs: new Map(),
          untilMs: Number.NEGATIVE_INFINITY,
          isOver: false,
        }
        const key = keyOfTask(task)
        this.attempts.set(key, [...(this.attempts.get(key) ?? []), attempt])
        return
      }
      case 'renew': {
        const sent = this.find(task, leaseId)?.sentMs
        if (sent !== undefined && !sent.has(word.sequence))
          sent.set(word.sequence, this.clocks.localMs(node, atMs))
        return
      }
      case 'renewed': {
        const attempt = this.find(task, leaseId)
        const sentMs = attempt?.sentMs.get(word.sequence)
        if (attempt === undefined || sentMs === undefined) return
        attempt.untilMs = Math.max(attempt.untilMs, sentMs + attempt.ttlMs * (1 - this.driftRatio))
        return
      }
      case 'refuse':
      case 'result': {
        const attempt = this.find(task, leaseId)
        if (attempt !== undefined) attempt.isOver = true
        return
      }
      default:
        return
    }
  }

  private started(started: Observed<'execution-started'>): void {
    const { key, leaseId, node, atMs } = started
    this.judge(started, atMs)
    if (leaseId !== 0) return
    if (this.detached.get(key) !== undefined)
      this.report(`starts ${key} without a lease, and it is detached`, node, atMs)
    for (const attempt of this.attempts.get(key) ?? []) {
      const { worker, isOver, untilMs } = attempt
      const leftMs = untilMs - this.clocks.localMs(worker, atMs)
      if (worker !== node && !isOver && leftMs > 0)
        this.report(
          `starts ${key} at home; ${worker} may execute it for ${leftMs.toFixed(0)} ms under lease ${attempt.leaseId}`,
          node,
          atMs,
        )
    }
  }

  /** Whether what runs is within its span now. */
  private judge({ execution, key, leaseId, node }: Observed<'execution-started'>, atMs: number): void {
    const attempt = this.attempts.get(key)?.find((one) => one.leaseId === leaseId && one.worker === node)
    if (attempt === undefined) return
    const overMs = this.clocks.localMs(node, atMs) - attempt.untilMs
    if (overMs > ROUNDING_MS)
      this.report(
        `${execution} runs ${overMs === Number.POSITIVE_INFINITY ? 'without' : `${overMs.toFixed(0)} ms after`} the span that ${attempt.submitter} gave it`,
        node,
        atMs,
      )
  }

  private find(task: TaskId, leaseId: LeaseOrNone): Attempt | undefined {
    return this.attempts.get(keyOfTask(task))?.find((one) => one.leaseId === leaseId)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
