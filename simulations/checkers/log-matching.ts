/**
 * If two logs hold an entry with the same index and term, they are identical up to it (Raft figure 3). By induction it is
 * enough that an (index, term) determines the entry and the term *before* it: one comparison per entry that a disk took.
 */
import type { Observation } from '../observation.ts'
import { type Checker, REMEMBERED_ENTRIES_MAX, RecentMap, type Sink } from './checker.ts'
import type { NodeLogs } from './node-logs.ts'

interface Known {
  readonly term: number
  readonly digest: string
  readonly kind: string
  readonly termBefore: number
}

export class LogMatching implements Checker {
  readonly name = 'log-matching'
  private readonly sink: Sink
  private readonly logs: NodeLogs
  /** By index: one row per term that some log has there (nearly always one). */
  private readonly known = new RecentMap<number, Known[]>(REMEMBERED_ENTRIES_MAX)

  constructor(sink: Sink, logs: NodeLogs) {
    this.sink = sink
    this.logs = logs
  }

  observe(observation: Observation): void {
    if (observation.type === 'log-writing') {
      const disk = this.logs.of(observation.node)
      const first = observation.entries[0]
      if (first === undefined) return
      this.compare(observation, observation.entries, disk.handedTermAt(first.index - 1))
    }
    if (observation.type === 'life-began')
      this.compare(observation, observation.log.entries, observation.log.base.term)
  }

  finish(): void {
    // Everything was said when it happened.
  }

  private compare(
    { node, atMs }: Extract<Observation, { type: 'log-writing' | 'life-began' }>,
    entries: Extract<Observation, { type: 'log-writing' }>['entries'],
    termBeforeFirst: number | undefined,
  ): void {
    let termBefore = termBeforeFirst
    let indexBefore: number | undefined
    for (const { index, term, kind, digest } of entries) {
      const report = (message: string): void =>
        this.sink.violation({ checker: this.name, message, node, atMs })
      if (termBefore === undefined || (indexBefore !== undefined && index !== indexBefore + 1)) {
        report(`its log has a hole before ${index}`)
      } else {
        const fact = { term, digest, kind, termBefore }
        const difference = this.differs(index, fact)
        if (difference !== undefined) report(`entry ${index} of term ${term}: ${difference}`)
      }
      termBefore = term
      indexBefore = index
    }
  }

  private differs(index: number, fact: Known): string | undefined {
    const rows = this.known.get(index)
    const row = rows?.find(({ term }) => term === fact.term)
    if (row === undefined) {
      if (rows === undefined) this.known.set(index, [fact])
      else rows.push(fact)
      return undefined
    }
    if (row.digest !== fact.digest || row.kind !== fact.kind)
      return `two logs hold different data there (${row.digest} and ${fact.digest})`
    if (row.termBefore !== fact.termBefore)
      return `the entry before it has term ${row.termBefore} in one log and ${fact.termBefore} in another`
    return undefined
  }
}
