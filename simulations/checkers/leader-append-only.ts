/** A leader never overwrites or deletes entries of its log; it only appends (Raft figure 3). */
import type { Observation, Observed } from '../observation.ts'
import type { Checker, Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'
import type { NodeLogs } from './node-logs.ts'

export class LeaderAppendOnly implements Checker {
  readonly name = 'leader-append-only'
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
    if (observation.type === 'snapshot-installing') this.installs(observation)
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private writes({ node, entries, atMs }: Observed<'log-writing'>): void {
    const role = this.commitments.roleOf(node)
    if (role?.role !== 'leader') return
    const disk = this.logs.of(node)
    const changed = entries.find((entry) => {
      const before = disk.handed(entry.index)
      return before !== undefined && (before.term !== entry.term || before.digest !== entry.digest)
    })
    if (changed !== undefined)
      this.report(`leads term ${role.term} and replaces the entry at ${changed.index}`, node, atMs)
    const first = entries[0]
    if (first !== undefined && first.index > disk.handedLastIndex + 1)
      this.report(`leads and leaves a gap before ${first.index}`, node, atMs)
    const last = entries.at(-1)
    if (last !== undefined && last.index < disk.handedLastIndex)
      this.report(`leads term ${role.term} and cuts its log after ${last.index}`, node, atMs)
  }

  private installs({ node, atMs }: Observed<'snapshot-installing'>): void {
    if (this.commitments.roleOf(node)?.role === 'leader')
      this.report('leads and replaces its log by a snapshot', node, atMs)
  }

  private report(message: string, node: Observed<'log-writing'>['node'], atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
