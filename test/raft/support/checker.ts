/**
 * Judges a run by the properties of figure 3 of the paper, and drives nothing. Every observation is compared with
 * what was observed anywhere before, so each check costs O(1) per entry, except at an election.
 */

import type { Entry, RaftMessage, ReadyWrite, StepResult } from '../../../src/raft/index.ts'
import { type Machine, nextState, type State } from './machine.ts'
import { nameOf } from './names.ts'
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
  /** By index: the state of every server that has applied so far. */
  private readonly states: State[] = []
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

  /** Its store is lost, and its votes with it; what may not come of that is judged by who leads. */
  forgot(machine: Machine): void {
    for (const key of this.votes.keys()) if (key.endsWith(`/${machine.name}`)) this.votes.delete(key)
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
  wrote(machine: Machine, write: ReadyWrite): void {
    const { base, entries, hardState } = machine.disk.load()
    for (const entry of write.entries) {
      const key = `${entry.index}/${entry.term}`
      const value = `${printEntry(entry)} after term ${machine.disk.termAt(entry.index - 1)}`
      const before = this.written.get(key) ?? value
      this.written.set(key, value)
      if (before !== value)
        throw new Violation(`log matching: ${machine.name} has ${value}, another ${before}`)
    }
    if ((hardState?.commitIndex ?? 0) > base.index + entries.length)
      throw new Violation(`hard state: ${machine.name} saved a commit index beyond its log`)
    if (write.snapshot !== undefined) this.installed(machine)
    if (machine.state.index < base.index)
      throw new Violation(
        `${machine.name} has cut its log at ${base.index}, and applied ${machine.state.index}`,
      )
  }

  /** State machine safety: a snapshot is what everybody is at that index. */
  private installed(machine: Machine): void {
    const { index, digest } = machine.state
    if (this.states[index]?.digest !== digest)
      throw new Violation(`state machine safety: ${machine.name} got another state of index ${index}`)
  }

  /** Election safety and leader completeness. */
  looked(machine: Machine): void {
    const { role, term } = machine.core.status
    if (role !== 'leader' || this.leaders.get(term) === machine.name) return
    const before = this.leaders.get(term)
    if (before !== undefined)
      throw new Violation(`election safety: ${before} and ${machine.name} lead in term ${term}`)
    this.leaders.set(term, machine.name)
    const { base } = machine.disk.load()
    for (const entry of this.committed) {
      if (entry.index >= base.index && machine.disk.termAt(entry.index) !== entry.term)
        throw new Violation(
          `leader completeness: ${machine.name} leads in term ${term} without ${printEntry(entry)}`,
        )
    }
  }

  /** State machine safety; and what is acknowledged is durable on a quorum. To be called before they are applied. */
  applies(machine: Machine, entries: readonly Entry[], machines: Iterable<Machine>): void {
    let { state } = machine
    for (const entry of entries) {
      if (entry.index !== state.index + 1)
        throw new Violation(`${machine.name} applies ${printEntry(entry)} after ${state.index}`)
      if (machine.disk.termAt(entry.index) !== entry.term)
        throw new Violation(`${machine.name} applies ${printEntry(entry)}, which is not on its disk`)
      const before = this.committed[entry.index - 1] ?? entry
      if (printEntry(before) !== printEntry(entry))
        throw new Violation(
          `state machine safety: ${machine.name} applies ${printEntry(entry)}, another ${printEntry(before)}`,
        )
      if (this.committed.length < entry.index) this.checkDurable(entry, machines)
      this.committed[entry.index - 1] = entry
      state = nextState(state, entry)
      this.states[entry.index] = state
    }
  }

  /** Linearizability of reads: `index` was asked for when everything up to `known` was already applied somewhere. */
  read(machine: Machine, index: number, known: number): void {
    if (index < known)
      throw new Violation(`stale read: ${machine.name} reads at ${index}, and ${known} was applied before`)
  }

  private checkDurable(entry: Entry, machines: Iterable<Machine>): void {
    if (this.quorum === undefined) return
    const copies = [...machines].filter(({ disk, state }) => {
      const { base } = disk.load()
      return entry.index <= base.index ? state.index >= entry.index : disk.termAt(entry.index) === entry.term
    })
    // The first entry is what every server was born with.
    if (copies.length < this.quorum)
      throw new Violation(`durability: ${printEntry(entry)} is applied with ${copies.length} copies on disks`)
  }
}
