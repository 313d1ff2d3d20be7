/**
 * An entry that was committed in some term is in the log of every leader of a later term (Raft figure 3). Looked at when
 * a node becomes leader: with log matching, the last such entry stands for all before it.
 *
 * Also the rule that this rests on (§5.4.2, figure 8): a leader counts replicas only for entries of its own term; what
 * came before is committed by that. Broken, the property above is broken only a crash or two later.
 */
import type { Observation, Observed } from '../observation.ts'
import type { Checker, Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'
import type { NodeLogs } from './node-logs.ts'

export class LeaderCompleteness implements Checker {
  readonly name = 'leader-completeness'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  private readonly commitments: Commitments

  constructor(sink: Sink, logs: NodeLogs, commitments: Commitments) {
    this.sink = sink
    this.logs = logs
    this.commitments = commitments
  }

  observe(observation: Observation): void {
    if (observation.type === 'role-changed' && observation.role === 'leader') this.leads(observation)
    if (observation.type === 'commit-advanced') this.commits(observation)
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private leads({ node, term, atMs }: Observed<'role-changed'>): void {
    const index = this.commitments.committedBefore(term)
    const entry = this.commitments.entryAt(index)
    const disk = this.logs.of(node)
    if (entry === undefined || index < disk.handedBase.index) return
    const has = disk.handedTermAt(index)
    if (has === entry.term) return
    this.report(
      `leads term ${term} without entry ${index} of term ${entry.term}, which is committed (it has ${has === undefined ? 'none' : `one of term ${has}`})`,
      node,
      atMs,
    )
  }

  private commits({ node, index, atMs }: Observed<'commit-advanced'>): void {
    const role = this.commitments.roleOf(node)
    if (role?.role !== 'leader') return
    const term = this.logs.of(node).handedTermAt(index) ?? this.commitments.quorumEntry(node, index)?.term
    if (term !== undefined && term !== role.term)
      this.report(
        `leads term ${role.term} and commits entry ${index} of term ${term} by counting`,
        node,
        atMs,
      )
  }

  private report(message: string, node: Observed<'role-changed'>['node'], atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
