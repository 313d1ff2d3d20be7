/**
 * If a node applied an entry at an index, no node ever applies a different one there (Raft figure 3); the same entries
 * lead to the same state; entries are applied in order, each once per life, and only committed ones. Holds over restarts
 * and snapshots: what a disk or a snapshot says the state is at an index is compared as well.
 */
import type { PeerId } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import { type Checker, REMEMBERED_ENTRIES_MAX, RecentMap, type Sink } from './checker.ts'
import type { Commitments } from './commitments.ts'

export class StateMachineSafety implements Checker {
  readonly name = 'state-machine-safety'
  private readonly sink: Sink
  private readonly commitments: Commitments
  private readonly entries = new RecentMap<number, { term: number; digest: string; by: PeerId }>(
    REMEMBERED_ENTRIES_MAX,
  )
  private readonly states = new RecentMap<number, { digest: string; by: PeerId }>(REMEMBERED_ENTRIES_MAX)
  private readonly appliedTo = new Map<PeerId, number>()

  constructor(sink: Sink, commitments: Commitments) {
    this.sink = sink
    this.commitments = commitments
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'life-began':
        this.appliedTo.set(observation.node, observation.appliedIndex)
        this.compareState(observation, observation.appliedIndex)
        return
      case 'snapshot-installed':
        this.appliedTo.set(observation.node, observation.base.index)
        this.compareState(observation, observation.base.index)
        return
      case 'entry-applied':
        this.applies(observation)
        this.compareState(observation, observation.entry.index)
        return
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private applies(observation: Observed<'entry-applied'>): void {
    const { node, atMs } = observation
    const { index, term, digest } = observation.entry
    const before = this.appliedTo.get(node) ?? 0
    if (index !== before + 1) this.report(`applies entry ${index} after ${before}`, node, atMs)
    this.appliedTo.set(node, index)
    if (index > this.commitments.lastIndex)
      this.report(`applies entry ${index}, which is not committed`, node, atMs)
    const committed = this.commitments.entryAt(index)
    if (committed !== undefined && (committed.term !== term || committed.digest !== digest))
      this.report(`applies another entry at ${index} than the one that was committed`, node, atMs)
    const other = this.entries.get(index)
    if (other === undefined) this.entries.set(index, { term, digest, by: node })
    else if (other.term !== term || other.digest !== digest)
      this.report(`applies another entry at ${index} than ${other.by} did`, node, atMs)
  }

  private compareState(
    { node, atMs, stateDigest }: Observed<'life-began' | 'snapshot-installed' | 'entry-applied'>,
    index: number,
  ): void {
    if (stateDigest === undefined) return
    const other = this.states.get(index)
    if (other === undefined) this.states.set(index, { digest: stateDigest, by: node })
    else if (other.digest !== stateDigest)
      this.report(
        `its state at ${index} is ${stateDigest}, that of ${other.by} was ${other.digest}`,
        node,
        atMs,
      )
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
