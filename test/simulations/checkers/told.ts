/** Histories told by hand: short words for observations, and what the suite says to them. */

import { CheckerSuite, type SuiteOptions, type Violation } from '../../../simulations/checkers/index.ts'
import type {
  BaseFact,
  EntryFact,
  HardStateFact,
  LeaseCall,
  LeaseOutcome,
  Observation,
  ObservedFact,
  VotersFact,
} from '../../../simulations/observation.ts'
import {
  type LeaseId,
  type LogIndex,
  logIndex,
  type PeerId,
  type ScopeKey,
  type TaskId,
  term,
} from '../../../src/base/index.ts'

export const peer = (name: string): PeerId => name as PeerId
export const [ada, bob, cyd, dan] = ['ada', 'bob', 'cyd', 'dan'].map(peer) as [PeerId, PeerId, PeerId, PeerId]
export const key = (name = 'k'): ScopeKey => name as ScopeKey
export const lease = (id: number): LeaseId => id as LeaseId
export const task = (id: number): TaskId => String(id) as TaskId

export const TTL_MS = 1000
export const OPTIONS: SuiteOptions = {
  driftRatio: 0.01,
  driftBounded: true,
  historiesComplete: true,
  grantWithinMs: 5000,
}

export const voters = (names: readonly PeerId[], outgoing: readonly PeerId[] = []): VotersFact => ({
  voters: names,
  votersOutgoing: outgoing,
})

export const entry = (at: number, inTerm: number, digest = `d${at}.${inTerm}`): EntryFact => ({
  index: logIndex(at),
  term: term(inTerm),
  kind: 'command',
  digest,
})

export const configurationEntry = (at: number, inTerm: number, configuration: VotersFact): EntryFact => ({
  ...entry(at, inTerm),
  kind: 'configuration',
  configuration,
})

export const hard = (inTerm: number, vote?: PeerId, commitIndex = 0): HardStateFact => ({
  term: term(inTerm),
  vote,
  commitIndex: logIndex(commitIndex),
})

export const base = (at: number, inTerm: number, configuration?: VotersFact): BaseFact => ({
  index: logIndex(at),
  term: term(inTerm),
  configuration,
})

/** A run that is being told. Each word adds one observation, a millisecond after the last unless `at` said otherwise. */
export class Told {
  readonly observations: Observation[] = []
  private nowMs = 0
  private op = 0
  private applied = 0
  private readonly lives = new Map<PeerId, number>()

  tell(...facts: readonly ObservedFact[]): this {
    for (const fact of facts) this.observations.push({ ...fact, atMs: this.nowMs++ })
    return this
  }

  at(ms: number): this {
    this.nowMs = ms
    return this
  }

  after(ms: number): this {
    this.nowMs += ms - 1
    return this
  }

  /** The process of a node starts with this on its disk. */
  begins(
    node: PeerId,
    {
      log = [],
      state,
      from = base(0, 0),
      applied = 0,
      digest,
    }: {
      log?: readonly EntryFact[]
      state?: HardStateFact
      from?: BaseFact
      applied?: number
      digest?: string
    } = {},
  ): this {
    const life = (this.lives.get(node) ?? 0) + 1
    this.lives.set(node, life)
    return this.tell({
      type: 'life-began',
      node,
      life,
      log: { hardState: state, base: from, entries: log },
      appliedIndex: logIndex(applied),
      stateDigest: digest,
    })
  }

  crashes(node: PeerId): this {
    return this.tell({ type: 'life-ended', node, how: 'crash' })
  }

  writing(node: PeerId, entries: readonly EntryFact[], hardState?: HardStateFact): this {
    return this.tell({ type: 'log-writing', node, entries, hardState })
  }

  writes(node: PeerId, entries: readonly EntryFact[], hardState?: HardStateFact): this {
    return this.writing(node, entries, hardState).tell({ type: 'log-written', node })
  }

  /** A candidate wins with the votes of `by`, its own among them: everything in its order. */
  elects(node: PeerId, inTerm: number, by: readonly PeerId[]): this {
    for (const voter of by) {
      this.writes(voter, [], hard(inTerm, node)).tell({
        type: 'vote-sent',
        node: voter,
        term: term(inTerm),
        candidate: node,
      })
    }
    return this.leads(node, inTerm)
  }

  leads(node: PeerId, inTerm: number): this {
    return this.tell({ type: 'role-changed', node, role: 'leader', term: term(inTerm), leader: node })
  }

  follows(node: PeerId, inTerm: number, leader?: PeerId): this {
    return this.tell({ type: 'role-changed', node, role: 'follower', term: term(inTerm), leader })
  }

  commits(node: PeerId, index: number): this {
    return this.tell({ type: 'commit-advanced', node, index: logIndex(index) })
  }

  applies(node: PeerId, applied: EntryFact, stateDigest?: string): this {
    return this.tell({ type: 'entry-applied', node, entry: applied, stateDigest })
  }

  // ── leases ──

  /** An operation begins; the answer names it by the number that is returned. */
  asks(node: PeerId, call: LeaseCall): number {
    const op = ++this.op
    this.tell({ type: 'op-invoked', node, client: `at-${node}`, op, call })
    return op
  }

  answers(node: PeerId, op: number, outcome: LeaseOutcome): this {
    return this.tell({ type: 'op-answered', node, client: `at-${node}`, op, outcome })
  }

  loses(node: PeerId, op: number): this {
    return this.tell({ type: 'op-lost', node, client: `at-${node}`, op })
  }

  /** The grant is applied somewhere: its index is its token. */
  granted(id: number, holder: PeerId, scopeKey = key(), node: PeerId = ada): this {
    this.applied = Math.max(this.applied, id)
    return this.tell({
      type: 'lease-granted',
      node,
      index: logIndex(id),
      key: scopeKey,
      leaseId: lease(id),
      holder,
      ttlMs: TTL_MS,
    })
  }

  renewed(id: number, scopeKey = key(), node: PeerId = ada): this {
    const index = this.nextIndex()
    return this.tell({ type: 'lease-renewed', node, index, key: scopeKey, leaseId: lease(id) })
  }

  ended(
    id: number,
    how: Extract<Observation, { type: 'lease-ended' }>['how'],
    scopeKey = key(),
    node: PeerId = ada,
  ): this {
    const index = this.nextIndex()
    return this.tell({ type: 'lease-ended', node, index, key: scopeKey, leaseId: lease(id), how })
  }

  /** A whole grant: asked for, applied, answered. */
  grants(id: number, holder: PeerId, scopeKey = key()): this {
    const op = this.asks(holder, { kind: 'grant', key: scopeKey, holder, ttlMs: TTL_MS })
    return this.granted(id, holder, scopeKey).answers(holder, op, { ok: true, leaseId: lease(id) })
  }

  /** A whole renewal by the holder. */
  renews(id: number, holder: PeerId, scopeKey = key()): this {
    const op = this.asks(holder, { kind: 'renew', key: scopeKey, leaseId: lease(id) })
    return this.renewed(id, scopeKey).answers(holder, op, { ok: true, leaseId: lease(id) })
  }

  releases(id: number, holder: PeerId, scopeKey = key()): this {
    const op = this.asks(holder, { kind: 'release', key: scopeKey, leaseId: lease(id) })
    return this.ended(id, 'released', scopeKey).answers(holder, op, { ok: true })
  }

  runs(node: PeerId, execution: string, id: number, scopeKey = key()): this {
    return this.tell({ type: 'execution-started', node, execution, key: scopeKey, leaseId: lease(id) })
  }

  stops(node: PeerId, execution: string): this {
    return this.tell({ type: 'execution-ended', node, execution })
  }

  // ── judgement ──

  /** Everything the suite says, `checker: message` each. */
  judged(options: Partial<SuiteOptions> = {}): string[] {
    return judge(this.observations, options).violations
  }

  private nextIndex(): LogIndex {
    return logIndex(++this.applied)
  }
}

export function judge(
  observations: readonly Observation[],
  options: Partial<SuiteOptions> = {},
): { violations: string[]; undecided: Violation[] } {
  const violations: string[] = []
  const undecided: Violation[] = []
  const suite = new CheckerSuite(
    {
      violation: ({ checker, message }) => violations.push(`${checker}: ${message}`),
      undecided: (violation) => undecided.push(violation),
    },
    { ...OPTIONS, ...options },
  )
  for (const observation of observations) suite.observe(observation)
  suite.finish()
  return { violations, undecided }
}

/** Three voters that hold the configuration at index 1, committed: where most histories begin. */
export function threeVoters(): Told {
  const first = configurationEntry(1, 1, voters([ada, bob, cyd]))
  const told = new Told()
  for (const node of [ada, bob, cyd])
    told.begins(node, { log: [first], state: hard(1, undefined, 1), applied: 1 })
  return told
}
