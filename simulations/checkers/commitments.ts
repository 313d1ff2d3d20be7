/**
 * What is committed, as the durable logs of the voters prove it; no node's word is taken for it. Not a checker: it says
 * for each advance of a commit index what is *new* in it and whether a quorum holds it, and `AcknowledgedDurable`,
 * `LeaderCompleteness` and `StateMachineSafety` judge by that.
 *
 * Which configuration is in force. A server acts under the newest configuration in its log (Raft §6), which for the node
 * that commits is the newest of: its handed log, and the entries of its term on any disk (a leader may send an entry before
 * it hands it to its own disk). If that one is joint and itself committed, the leader may have appended
 * C_new already, unseen; so C_new alone suffices for what comes after it. That is safe: who wins an election after the joint entry
 * is committed holds it, and needs a majority of C_new.
 */
import type { LogIndex, PeerId, Term } from '../../src/base/index.ts'
import type { EntryFact, Observation, Observed, Observer, VotersFact } from '../observation.ts'
import { REMEMBERED_ENTRIES_MAX, REMEMBERED_TERMS_MAX, RecentMap } from './checker.ts'
import { isQuorum, type NodeLogs, type PlacedConfiguration } from './node-logs.ts'

export interface CommittedEntry {
  readonly index: LogIndex
  readonly term: Term
  readonly digest: string
}

interface Role {
  readonly role: Observed<'role-changed'>['role']
  readonly term: Term
}

export class Commitments implements Observer {
  private readonly logs: NodeLogs
  private readonly entries = new RecentMap<number, CommittedEntry>(REMEMBERED_ENTRIES_MAX)
  private readonly roles = new Map<PeerId, Role>()
  /** Newest configuration among the entries of a term, wherever it was seen. */
  private readonly newestOfTerm = new RecentMap<number, PlacedConfiguration>(REMEMBERED_TERMS_MAX)
  private last = 0
  private someoneLed = false
  /** Of each term in which something was committed: up to where. Rising in both. */
  private readonly reached: { term: Term; index: number }[] = []

  constructor(logs: NodeLogs) {
    this.logs = logs
  }

  /** The highest committed index. */
  get lastIndex(): number {
    return this.last
  }

  entryAt(index: number): CommittedEntry | undefined {
    return this.entries.get(index)
  }

  roleOf(node: PeerId): Role | undefined {
    return this.roles.get(node)
  }

  /** The highest index that was committed by a leader of a term before `term`. */
  committedBefore(term: Term): number {
    return this.reached.findLast((one) => one.term < term)?.index ?? 0
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'life-began':
        this.roles.delete(observation.node)
        this.given(observation)
        return
      case 'life-ended':
        this.roles.delete(observation.node)
        return
      case 'role-changed':
        this.roles.set(observation.node, observation)
        if (observation.role === 'leader') this.someoneLed = true
        return
      case 'log-writing':
        for (const entry of observation.entries) this.noteConfiguration(entry)
        return
      case 'commit-advanced':
        this.commit(observation.node, observation.index)
        return
      default:
        return
    }
  }

  /** The quorum's entry at a new index, or `undefined` when no quorum of a configuration in force has one. */
  quorumEntry(node: PeerId, index: number): CommittedEntry | undefined {
    const candidates = this.configurationsInForce(node, index)
    for (const configuration of candidates) {
      const found = this.heldByQuorum(configuration, index)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The configurations that `node` may act under when it commits `index`, the newest first. */
  configurationsInForce(node: PeerId, index: number): readonly VotersFact[] {
    const handed = this.logs.of(node).handedConfiguration
    const role = this.roles.get(node)
    const sent = role === undefined ? undefined : this.newestOfTerm.get(role.term)
    const newest = sent !== undefined && sent.index > (handed?.index ?? -1) ? sent : handed
    if (newest === undefined) return []
    const { voters, votersOutgoing } = newest.configuration
    if (votersOutgoing.length === 0 || newest.index >= index) return [newest.configuration]
    return [newest.configuration, { voters, votersOutgoing: [] }]
  }

  private heldByQuorum(configuration: VotersFact, index: number): CommittedEntry | undefined {
    for (const peer of new Set([...configuration.voters, ...configuration.votersOutgoing])) {
      const entry = this.logs.of(peer).durable.entryAt(index)
      if (entry !== undefined && this.isOnQuorum(configuration, index, entry.term)) return entry
    }
    return undefined
  }

  /** Whether a quorum has the entry of this index and term durably, or a base that covers it. */
  private isOnQuorum(configuration: VotersFact, index: number, term: Term): boolean {
    const holds = (peer: PeerId): boolean => {
      const { durable } = this.logs.of(peer)
      return index < durable.base.index || durable.termAt(index) === term
    }
    return isQuorum(configuration, holds)
  }

  private commit(node: PeerId, index: number): void {
    if (index <= this.last) return
    const term = this.roles.get(node)?.term
    for (let at = this.last + 1; at <= index; at++) {
      const entry = this.quorumEntry(node, at) ?? this.logs.of(node).handed(at)
      if (entry !== undefined) this.remember(entry)
    }
    this.last = index
    if (term !== undefined) this.reach(term, index)
  }

  private reach(term: Term, index: number): void {
    const newest = this.reached.at(-1)
    if (newest !== undefined && newest.term >= term) {
      newest.index = index
      return
    }
    this.reached.push({ term, index })
    if (this.reached.length > REMEMBERED_TERMS_MAX) this.reached.shift()
  }

  private remember(entry: EntryFact | CommittedEntry): void {
    const { index, term, digest } = entry
    this.entries.set(index, { index, term, digest })
  }

  /** The log that a scope begins with (`populi init`) is committed by definition: nobody led before. */
  private given({ log }: Observed<'life-began'>): void {
    for (const entry of log.entries) this.noteConfiguration(entry)
    const commitIndex = log.hardState?.commitIndex ?? 0
    if (this.someoneLed || commitIndex <= this.last) return
    for (const entry of log.entries) if (entry.index <= commitIndex) this.remember(entry)
    this.last = commitIndex
  }

  private noteConfiguration({ index, term, configuration }: EntryFact): void {
    if (configuration === undefined) return
    const known = this.newestOfTerm.get(term)
    if (known === undefined || known.index < index) this.newestOfTerm.set(term, { index, configuration })
  }
}
