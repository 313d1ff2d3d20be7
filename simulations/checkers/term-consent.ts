/**
 * Terms rise by consent (PreVote, thesis §9.6): who campaigns for term T+1 has asked a quorum first, and was told by each of
 * it that it is in term T and would vote. Such an answer leaves after the term is on the disk; so at the moment at
 * which a campaign begins, a quorum has been in term T, durably. A node that nobody hears can ask for ever, but its term
 * stays; without PreVote it runs away, and deposes a leader that works as soon as it is heard again.
 */
import type { PeerId, Term } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import type { Checker, Sink } from './checker.ts'
import { isQuorum, type NodeLogs } from './node-logs.ts'

export class TermConsent implements Checker {
  readonly name = 'term-consent'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  /** The highest term that ever was on the node's disk, wiped or not. */
  private readonly reached = new Map<PeerId, Term>()

  constructor(sink: Sink, logs: NodeLogs) {
    this.sink = sink
    this.logs = logs
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'life-began':
        this.reach(observation.node, observation.log.hardState?.term)
        return
      case 'log-writing':
        return this.writes(observation)
      case 'log-written':
      case 'snapshot-installed': {
        const { pending } = this.logs.of(observation.node)
        this.reach(
          observation.node,
          pending?.kind === 'write' ? pending.write.hardState?.term : pending?.hardState.term,
        )
        return
      }
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private writes({ node, hardState, atMs }: Observed<'log-writing'>): void {
    if (hardState?.vote !== node) return
    const { term } = hardState
    const disk = this.logs.of(node)
    const before = disk.durable.hardState
    if (before?.term === term && before.vote === node) return
    const configuration = disk.handedConfiguration?.configuration
    const consents = (peer: PeerId): boolean => peer === node || (this.reached.get(peer) ?? 0) >= term - 1
    if (configuration === undefined || isQuorum(configuration, consents)) return
    const message = `campaigns for term ${term}; no quorum has been in term ${term - 1} to consent`
    this.sink.violation({ checker: this.name, message, node, atMs })
  }

  private reach(node: PeerId, term: Term | undefined): void {
    if (term !== undefined && term > (this.reached.get(node) ?? 0)) this.reached.set(node, term)
  }
}
