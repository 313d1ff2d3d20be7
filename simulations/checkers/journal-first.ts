/**
 * Nothing is acknowledged before it is on disk, at both ends, and nothing is forgotten before it is acknowledged (design §8).
 *
 * - A submitter offers an attempt that its journal has, and acknowledges a result only when its journal no longer waits for it.
 * - A worker accepts and starts what its journal has, and sends the result that its journal has.
 * - A worker forgets a result only after its submitter said that it has it; at the end of a run every result was delivered, but
 *   to those that had left for good, or lost their disk.
 */
import type { PeerId, TaskId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { LeaseOrNone } from '../work-facts.ts'
import { type Checker, REMEMBERED_ENDED_MAX, RecentMap, type Sink } from './checker.ts'

type Said = Observed<'task-said'>
type Offer = Observed<'offer-recorded'>

export class JournalFirst implements Checker {
  readonly name = 'journal-first'
  private readonly sink: Sink
  private readonly tasks = new RecentMap<TaskId, Observed<'task-recorded'>>(REMEMBERED_ENDED_MAX)
  /** Attempts that were in the journal of their submitter, and in that of their worker. */
  private readonly offered = new RecentMap<string, true>(REMEMBERED_ENDED_MAX)
  private readonly accepted = new RecentMap<string, true>(REMEMBERED_ENDED_MAX)
  /** Outcomes that were in a worker's journal, and those that a submitter has acknowledged. */
  private readonly outcomes = new RecentMap<string, string>(REMEMBERED_ENDED_MAX)
  private readonly acknowledged = new RecentMap<string, true>(REMEMBERED_ENDED_MAX)
  /** When a node lost its disk: what was on it is not held against the next one. */
  private readonly lostMs = new Map<PeerId, number>()
  /** In the journals of workers now, by node and key. */
  private readonly kept = new Map<string, Offer>()

  constructor(sink: Sink) {
    this.sink = sink
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'task-recorded':
        this.tasks.set(observation.task, observation)
        this.offered.set(attemptOf(observation), true)
        return
      case 'offer-recorded':
        return this.recorded(observation)
      case 'offer-forgotten':
        return this.forgotten(observation)
      case 'journal-lost':
        this.lostMs.set(observation.node, observation.atMs)
        for (const [name, { node }] of this.kept) if (node === observation.node) this.kept.delete(name)
        return
      case 'task-said':
        return this.said(observation)
      case 'phase':
        if (observation.phase === 'end') this.ends(observation.atMs)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened, or at the end.
  }

  private recorded(offer: Offer): void {
    const attempt = attemptOf(offer)
    this.accepted.set(attempt, true)
    if (offer.outcome !== undefined) this.outcomes.set(attempt, offer.outcome)
    if (offer.state === 'finished') this.forgotten(offer)
    else this.kept.set(`${offer.node} ${offer.key}`, offer)
  }

  private forgotten({ node, key, atMs }: Offer | Observed<'offer-forgotten'>): void {
    const offer = this.kept.get(`${node} ${key}`)
    this.kept.delete(`${node} ${key}`)
    if (offer !== undefined && this.isUndelivered(offer))
      this.report(`forgets the result of ${attemptOf(offer)}, which nobody has acknowledged`, node, atMs)
  }

  private said(said: Said): void {
    const attempt = attemptOf(said)
    const { node, atMs, word } = said
    switch (word.kind) {
      case 'offer':
        if (this.offered.get(attempt) === undefined)
          this.report(`offers ${attempt}, which its journal does not have`, node, atMs)
        return
      case 'accept':
      case 'started':
        if (this.accepted.get(attempt) === undefined)
          this.report(`says '${word.kind}' of ${attempt}, which its journal does not have`, node, atMs)
        return
      case 'result':
        if (this.outcomes.get(attempt) !== word.outcome)
          this.report(`sends a result of ${attempt} which its journal does not have`, node, atMs)
        return
      case 'result-ack':
        this.acknowledged.set(attempt, true)
        return this.hasResult(said)
      default:
        return
    }
  }

  private hasResult(said: Said): void {
    const { node, to, task, leaseId, atMs } = said
    const record = this.tasks.get(task)
    if (record?.node !== node || record.worker !== to || record.leaseId !== leaseId) return
    if (record.atMs <= (this.lostMs.get(node) ?? Number.NEGATIVE_INFINITY)) return
    if (record.state === 'offered' || record.state === 'running')
      this.report(`acknowledges the result of ${attemptOf(said)}; its journal still waits for it`, node, atMs)
  }

  private isUndelivered(offer: Offer): boolean {
    const { state, submitter, node } = offer
    return state === 'ended' && submitter !== node && this.acknowledged.get(attemptOf(offer)) === undefined
  }

  private ends(atMs: number): void {
    for (const offer of this.kept.values())
      if (this.isUndelivered(offer) && !this.lostMs.has(offer.submitter))
        this.report(`the result of ${attemptOf(offer)} was never acknowledged`, offer.node, atMs)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}

export const attemptOf = ({ task, leaseId }: { task: TaskId; leaseId: LeaseOrNone }): string =>
  `task ${task} under lease ${leaseId}`
