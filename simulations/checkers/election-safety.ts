/**
 * At most one leader per term (Raft figure 3), and what that rests on: the votes of a quorum, of both halves while the
 * configuration is joint (§6); and one vote per voter and term, on the disk before it leaves (figure 2). A vote that a node sent counts against it for good, also after its disk
 * was wiped: that is why a rebuilt node must not vote before it is safe.
 */
import type { PeerId, Term } from '../../src/base/index.ts'
import type { Observation, Observed } from '../observation.ts'
import { type Checker, REMEMBERED_TERMS_MAX, RecentMap, type Sink } from './checker.ts'
import { isQuorum, type NodeLogs } from './node-logs.ts'

export class ElectionSafety implements Checker {
  readonly name = 'election-safety'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  private readonly leaders = new RecentMap<Term, PeerId>(REMEMBERED_TERMS_MAX)
  /** By `node term`: whom the node voted for, as it was sent. */
  private readonly sent = new RecentMap<string, PeerId>(REMEMBERED_TERMS_MAX)
  /** By `node term`: the vote that reached the node's disk. */
  private readonly durable = new RecentMap<string, PeerId>(REMEMBERED_TERMS_MAX)

  constructor(sink: Sink, logs: NodeLogs) {
    this.sink = sink
    this.logs = logs
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'role-changed':
        if (observation.role === 'leader') this.leads(observation)
        return
      case 'vote-sent':
        this.votes(observation)
        return
      case 'log-writing':
      case 'snapshot-installing':
        this.writes(observation)
        return
      case 'log-written':
      case 'snapshot-installed':
        this.noteDurable(observation.node)
        return
      case 'life-began': {
        const { hardState } = observation.log
        if (hardState?.vote !== undefined)
          this.durable.set(`${observation.node} ${hardState.term}`, hardState.vote)
        return
      }
      default:
        return
    }
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private leads({ node, term, atMs }: Observed<'role-changed'>): void {
    const other = this.leaders.get(term)
    if (other === undefined) this.leaders.set(term, node)
    else if (other !== node) this.report(`term ${term} has two leaders, ${other} and ${node}`, node, atMs)
    const configuration = this.logs.of(node).handedConfiguration?.configuration
    // Whether a vote that was sent was durable is judged when it is sent.
    const voted = (peer: PeerId): boolean => this.sent.get(`${peer} ${term}`) === node
    if (configuration !== undefined && !isQuorum(configuration, voted))
      this.report(`leads term ${term} without the votes of a quorum`, node, atMs)
  }

  private votes({ node, term, candidate, atMs }: Observed<'vote-sent'>): void {
    const key = `${node} ${term}`
    const before = this.sent.get(key)
    if (before !== undefined && before !== candidate)
      this.report(`voted for ${before} and for ${candidate} in term ${term}`, node, atMs)
    this.sent.set(key, candidate)
    // In a term that its disk is beyond it cannot vote again, so that vote needs no record: several answers leave together.
    const isOver = (this.logs.of(node).durable.hardState?.term ?? 0) > term
    if (!isOver && this.durable.get(key) !== candidate)
      this.report(`sent its vote for ${candidate} in term ${term} before it was on its disk`, node, atMs)
  }

  private writes({ node, hardState, atMs }: Observed<'log-writing' | 'snapshot-installing'>): void {
    const before = this.logs.of(node).durable.hardState
    if (hardState === undefined || before === undefined) return
    if (hardState.term < before.term)
      this.report(`writes term ${hardState.term} after term ${before.term}`, node, atMs)
    if (hardState.term === before.term && before.vote !== undefined && hardState.vote !== before.vote)
      this.report(
        `changes its vote of term ${before.term} from ${before.vote} to ${hardState.vote ?? 'nobody'}`,
        node,
        atMs,
      )
  }

  /** The suite settles the write after the checkers: what is pending now is what became durable. */
  private noteDurable(node: PeerId): void {
    const { pending } = this.logs.of(node)
    const hardState = pending?.kind === 'write' ? pending.write.hardState : pending?.hardState
    if (hardState?.vote !== undefined) this.durable.set(`${node} ${hardState.term}`, hardState.vote)
  }

  private report(message: string, node: PeerId, atMs: number): void {
    this.sink.violation({ checker: this.name, message, node, atMs })
  }
}
