/**
 * Judges a run by the properties of figure 3 of the paper, and drives nothing. Every observation is compared with
 * what was observed anywhere before, so each check costs O(1) per entry, except at an election.
 */

import type { Entry, RaftMessage, Ready, StepResult } from '../../../src/raft/index.ts'
import { type Machine, nameOf } from './machine.ts'
import { printEntry, printMessage, printStep } from './print.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
}

export class Checker {
  /** By term. */
  private readonly leaders = new Map<number, string>()
  /** By `term/voter`. */
  private readonly votes = new Map<string, string>()
  /** By `index/term`: the entry, and the term of the one before it. */
  private readonly written = new Map<string, string>()
  /** By index: what some server applied there. */
  readonly committed: Entry[] = []
  /** Without changes of the configuration, every committed entry must be on the disks of this many servers. */
  private readonly quorum: number | undefined

  constructor(quorum: number | undefined) {
    this.quorum = quorum
  }

  /** Correct servers never say what a server refuses. */
  stepped(message: RaftMessage, result: StepResult): void {
    if (result.outcome === 'refused')
      throw new Violation(`correct servers: ${printMessage(message)} was ${printStep(result)}`)
  }

  /** Election safety, for the votes: one per server and term, whatever crashes. */
  sent(message: RaftMessage): void {
    if (message.type === 'vote-request') this.voted(message.term, nameOf(message.from), nameOf(message.from))
    if (message.type === 'vote-response' && message.granted)
      this.voted(message.term, nameOf(message.from), nameOf(message.to))
  }

  private voted(term: number, voter: string, candidate: string): void {
    const key = `${term}/${voter}`
    const before = this.votes.get(key) ?? candidate
    this.votes.set(key, candidate)
    if (before !== candidate)
      throw new Violation(`one vote per term: ${voter} voted for ${before} and ${candidate} in term ${term}`)
  }

  /**
   * Log matching: entries of the same index and term are the same and follow the same; by induction, so are the
   * logs up to there. To be called after the write.
   */
  wrote(machine: Machine, ready: Ready): void {
    const { entries, hardState } = machine.disk.load()
    for (const entry of ready.entries) {
      const key = `${entry.index}/${entry.term}`
      const value = `${printEntry(entry)} after term ${entries[entry.index - 2]?.term ?? 0}`
      const before = this.written.get(key) ?? value
      this.written.set(key, value)
      if (before !== value)
        throw new Violation(`log matching: ${machine.name} has ${value}, another ${before}`)
    }
    if ((hardState?.commitIndex ?? 0) > entries.length)
      throw new Violation(`hard state: ${machine.name} saved a commit index beyond its log`)
  }

  /** Election safety and leader completeness. */
  looked(machine: Machine): void {
    const { role, term } = machine.core.status
    if (role !== 'leader' || this.leaders.get(term) === machine.name) return
    const before = this.leaders.get(term)
    if (before !== undefined)
      throw new Violation(`election safety: ${before} and ${machine.name} lead in term ${term}`)
    this.leaders.set(term, machine.name)
    const log = machine.disk.load().entries
    for (const entry of this.committed) {
      if (log[entry.index - 1]?.term !== entry.term)
        throw new Violation(
          `leader completeness: ${machine.name} leads in term ${term} without ${printEntry(entry)}`,
        )
    }
  }

  /** State machine safety; and what is acknowledged is durable on a quorum. */
  applies(machine: Machine, entries: readonly Entry[], machines: Iterable<Machine>): void {
    const own = machine.disk.load().entries
    for (const entry of entries) {
      if (entry.index !== machine.applied.length + 1)
        throw new Violation(`${machine.name} applies ${printEntry(entry)} after ${machine.applied.length}`)
      if (own[entry.index - 1]?.term !== entry.term)
        throw new Violation(`${machine.name} applies ${printEntry(entry)}, which is not on its disk`)
      const before = this.committed[entry.index - 1] ?? entry
      if (printEntry(before) !== printEntry(entry))
        throw new Violation(
          `state machine safety: ${machine.name} applies ${printEntry(entry)}, another ${printEntry(before)}`,
        )
      if (this.committed.length < entry.index) this.checkDurable(entry, machines)
      this.committed[entry.index - 1] = entry
      machine.applied.push(entry)
    }
  }

  private checkDurable(entry: Entry, machines: Iterable<Machine>): void {
    if (this.quorum === undefined) return
    const copies = [...machines].filter(
      (machine) => machine.disk.load().entries[entry.index - 1]?.term === entry.term,
    )
    // The first entry is what every server was born with.
    if (copies.length < this.quorum)
      throw new Violation(`durability: ${printEntry(entry)} is applied with ${copies.length} copies on disks`)
  }
}
