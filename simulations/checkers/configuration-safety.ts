/**
 * A group changes its voters without a moment in which two majorities know nothing of each other (Raft §6). Along every
 * log, a configuration and the next one either have the same voters (only learners differ), or the next one is the
 * joint of both, or it is the new half of a joint one; and nobody writes the next one before the one before is
 * committed. Whether the quorums are counted accordingly is judged by `AcknowledgedDurable` and `ElectionSafety`.
 */
import type { PeerId } from '../../src/base/index.ts'
import type { EntryFact, Observation, Observed, VotersFact } from '../observation.ts'
import type { Checker, Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'
import type { NodeLogs, PlacedConfiguration } from './node-logs.ts'

export class ConfigurationSafety implements Checker {
  readonly name = 'configuration-safety'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  private readonly commitments: Commitments

  constructor(sink: Sink, logs: NodeLogs, commitments: Commitments) {
    this.sink = sink
    this.logs = logs
    this.commitments = commitments
  }

  observe(observation: Observation): void {
    if (observation.type === 'log-writing') this.writes(observation)
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private writes({ node, entries, atMs }: Observed<'log-writing'>): void {
    const first = entries[0]
    if (first === undefined) return
    let before = this.logs.of(node).durable.configurationBefore(first.index)
    for (const entry of entries) {
      if (entry.configuration === undefined) continue
      if (before !== undefined) this.judge(node, before, entry, entry.configuration, atMs)
      before = { index: entry.index, configuration: entry.configuration }
    }
  }

  private judge(
    node: PeerId,
    before: PlacedConfiguration,
    { index }: EntryFact,
    next: VotersFact,
    atMs: number,
  ): void {
    const report = (message: string): void => this.sink.violation({ checker: this.name, message, node, atMs })
    if (!follows(before.configuration, next))
      report(`the configuration at ${index} (${text(next)}) does not follow ${text(before.configuration)}`)
    if (before.index > this.commitments.lastIndex)
      report(`the configuration at ${index} comes before the one at ${before.index} is committed`)
  }
}

function follows(before: VotersFact, next: VotersFact): boolean {
  const stays = same(before.voters, next.voters) && same(before.votersOutgoing, next.votersOutgoing)
  const enters =
    before.votersOutgoing.length === 0 && same(next.votersOutgoing, before.voters) && next.voters.length > 0
  const leaves = next.votersOutgoing.length === 0 && same(before.voters, next.voters)
  return stays || enters || leaves
}

function same(a: readonly PeerId[], b: readonly PeerId[]): boolean {
  return a.length === b.length && new Set([...a, ...b]).size === a.length
}

function text({ voters, votersOutgoing }: VotersFact): string {
  return votersOutgoing.length === 0 ? voters.join(' ') : `${voters.join(' ')} & ${votersOutgoing.join(' ')}`
}
