/**
 * The whole lease history of each scope key is linearizable: every operation seems to take effect at one instant between
 * its invocation and its answer. `lease-model.ts` says what a key is, `linear-search.ts` looks for the order; this
 * collects the histories from the observations.
 *
 * Keys are independent objects, so each has a history of its own (linearizability is local: Herlihy and Wing 1990). Beside
 * what clients did it holds two kinds of facts from the log. An *expiry* takes effect between the first application of
 * the lease's grant and its own. A *grant that no client was told of* must be explained by an operation of unknown
 * outcome: so a request that was executed twice is found even if nobody was hurt.
 *
 * Real time is the order of the observations: the simulator is one sequence, finer than any clock in it.
 *
 * A history is judged in pieces, cut where no operation of the key is under way: then what follows depends only on the
 * states in which the key may be, and on the operations of unknown outcome, which are carried on.
 */
import type { LeaseId, PeerId, ScopeKey } from '../../src/base/index.ts'
import type { LeaseOutcome, Observation, Observed } from '../observation.ts'
import type { AppliedLeases } from './applied-leases.ts'
import type { Checker, Sink } from './checker.ts'
import { meaningOf, NEVER_GRANTED } from './lease-model.ts'
import { type Frontier, type HistoryOp, searchOrders } from './linear-search.ts'

/** A key is judged as soon as it has that many operations and none is under way: long pieces cost memory, short ones time. */
const PIECE_OPS_MIN = 32
/** A key that was always busy for that many operations is given up as undecided. */
const PIECE_OPS_MAX = 4096
/** Operations remembered over all keys, before those that are at rest are judged and forgotten. */
const REMEMBERED_OPS_MAX = 16_384
/** Steps of one search; ours need a few per operation. More: undecided. */
const SEARCH_STATES_MAX = 100_000
/** Operations of unknown outcome that one key carries on. A message that is older than so many others never arrives. */
const UNKNOWN_OPS_MAX = 64

interface Grant {
  readonly leaseId: LeaseId
  readonly holder: PeerId
  readonly at: number
}

class KeyHistory {
  readonly underWay = new Map<string, { readonly invoked: number; readonly from: Observed<'op-invoked'> }>()
  ops: HistoryOp[] = []
  /** Of unknown outcome, from pieces before this one. */
  carried: HistoryOp[] = []
  starts: readonly Frontier[] = [{ state: NEVER_GRANTED, used: new Set() }]
  readonly grants = new Map<LeaseId, Grant>()
  readonly told = new Set<LeaseId>()
  over = false
}

export class Linearizability implements Checker {
  readonly name = 'linearizability'
  private readonly sink: Sink
  private readonly leases: AppliedLeases
  private readonly keys = new Map<ScopeKey, KeyHistory>()
  private readonly keyOfOp = new Map<string, ScopeKey>()
  private place = 0
  private remembered = 0
  private sweepAt = REMEMBERED_OPS_MAX
  private nowMs = 0

  constructor(sink: Sink, leases: AppliedLeases) {
    this.sink = sink
    this.leases = leases
  }

  observe(observation: Observation): void {
    this.place++
    this.nowMs = observation.atMs
    switch (observation.type) {
      case 'op-invoked': {
        const { client, op, call } = observation
        this.keyOfOp.set(`${client} ${op}`, call.key)
        this.of(call.key).underWay.set(`${client} ${op}`, { invoked: this.place, from: observation })
        return
      }
      case 'op-answered':
        return this.settle(observation, observation.outcome)
      case 'op-lost':
        return this.settle(observation, undefined)
      case 'lease-granted':
        if (this.leases.isNews(observation)) this.granted(observation)
        return
      case 'lease-ended':
        if (observation.how === 'expired' && this.leases.isNews(observation)) this.expired(observation)
        return
      default:
        return
    }
  }

  finish(): void {
    for (const [key, history] of this.keys) {
      for (const { invoked, from } of history.underWay.values())
        this.add(history, toOp(from, invoked, Number.POSITIVE_INFINITY, undefined))
      history.underWay.clear()
      this.judge(key, history)
    }
    this.keys.clear()
  }

  private of(key: ScopeKey): KeyHistory {
    const known = this.keys.get(key)
    if (known !== undefined) return known
    const history = new KeyHistory()
    this.keys.set(key, history)
    return history
  }

  private granted({ key, leaseId, holder }: Observed<'lease-granted'>): void {
    this.of(key).grants.set(leaseId, { leaseId, holder, at: this.place })
  }

  private expired({ key, leaseId }: Observed<'lease-ended'>): void {
    const history = this.of(key)
    const invoked = history.grants.get(leaseId)?.at ?? 0
    this.add(history, {
      label: `expiry of lease ${leaseId}`,
      // Between the grant and the next observation: places are whole numbers.
      invoked: invoked + 0.5,
      answered: this.place,
      action: { kind: 'expired', leaseId },
    })
  }

  private settle(
    { client, op }: Observed<'op-answered'> | Observed<'op-lost'>,
    outcome: LeaseOutcome | undefined,
  ): void {
    const name = `${client} ${op}`
    const key = this.keyOfOp.get(name)
    this.keyOfOp.delete(name)
    if (key === undefined) return
    const history = this.of(key)
    const underWay = history.underWay.get(name)
    history.underWay.delete(name)
    if (underWay === undefined) return
    const isKnown = outcome !== undefined && meaningOf(outcome) === 'known'
    if (outcome?.ok === true && underWay.from.call.kind === 'grant' && outcome.leaseId !== undefined)
      history.told.add(outcome.leaseId)
    const answered = isKnown ? this.place : Number.POSITIVE_INFINITY
    const done = toOp(underWay.from, underWay.invoked, answered, isKnown ? outcome : undefined)
    if (isKnown || done.action.kind !== 'call' || done.action.call.kind !== 'view') this.add(history, done)
    if (history.underWay.size === 0 && history.ops.length >= PIECE_OPS_MIN) this.judge(key, history)
    else if (history.ops.length > PIECE_OPS_MAX) this.giveUp(key, history, 'was never at rest')
    if (this.remembered > this.sweepAt) this.sweep()
  }

  private add(history: KeyHistory, op: HistoryOp): void {
    if (history.over) return
    history.ops.push(op)
    this.remembered++
  }

  private judge(key: ScopeKey, history: KeyHistory): void {
    if (history.over) return
    const untold = [...history.grants.values()].filter(({ leaseId }) => !history.told.has(leaseId))
    const facts = untold.map(
      ({ leaseId, holder, at }): HistoryOp => ({
        label: `grant of lease ${leaseId} to ${holder}, of which no client was told`,
        invoked: at,
        answered: at,
        action: { kind: 'granted', leaseId },
      }),
    )
    const ops = [...history.carried, ...history.ops, ...facts].sort((a, b) => a.invoked - b.invoked)
    const grants = [...new Set([...history.told, ...history.grants.keys()])]
      .sort((a, b) => a - b)
      .map((leaseId) => ({
        leaseId,
        untoldHolder: history.told.has(leaseId) ? undefined : history.grants.get(leaseId)?.holder,
      }))
    const result = searchOrders({ ops, grants, starts: history.starts, statesMax: SEARCH_STATES_MAX })
    if (result.verdict === 'linearizable') return this.goOn(history, result.ends)
    if (result.verdict === 'undecided') return this.giveUp(key, history, 'has too many possible orders')
    const { blocked, explained } = result
    const known = ops.filter((op) => op.answered !== Number.POSITIVE_INFINITY).length
    this.sink.violation({
      checker: this.name,
      message: `no order explains the history of ${key}: ${explained} of ${known} operations fit, and then not: ${blocked?.label ?? 'none'}`,
      atMs: this.nowMs,
    })
    this.stop(history)
  }

  /** The next piece begins in one of the states in which this one may have ended. */
  private goOn(history: KeyHistory, ends: readonly Frontier[]): void {
    const mayCome = (op: HistoryOp): boolean =>
      ends.some(({ state, used }) => {
        if (used.has(op) || op.action.kind !== 'call') return false
        const { call } = op.action
        return !('leaseId' in call) || call.leaseId > state.lastId || call.leaseId === state.held?.leaseId
      })
    this.remembered -= history.carried.length + history.ops.length
    history.carried = [...history.carried, ...history.ops]
      .filter((op) => op.answered === Number.POSITIVE_INFINITY && mayCome(op))
      .slice(-UNKNOWN_OPS_MAX)
    this.remembered += history.carried.length
    const carried = new Set(history.carried)
    history.starts = ends.map(({ state, used }) => ({
      state,
      used: new Set([...used].filter((op) => carried.has(op))),
    }))
    history.ops = []
    const oldest = Math.min(...ends.map(({ state }) => state.lastId))
    for (const leaseId of history.grants.keys()) if (leaseId < oldest) history.grants.delete(leaseId)
    for (const leaseId of history.told) if (leaseId < oldest) history.told.delete(leaseId)
  }

  private giveUp(key: ScopeKey, history: KeyHistory, why: string): void {
    const message = `the history of ${key} ${why}: not judged from here on`
    this.sink.undecided({ checker: this.name, message, atMs: this.nowMs })
    this.stop(history)
  }

  private stop(history: KeyHistory): void {
    this.remembered -= history.carried.length + history.ops.length
    history.over = true
    history.ops = []
    history.carried = []
    history.grants.clear()
    history.told.clear()
  }

  /** Judges every key that is at rest, and forgets those that are free with nothing to come. */
  private sweep(): void {
    for (const [key, history] of this.keys) {
      if (history.underWay.size > 0) continue
      this.judge(key, history)
      const isFree = history.starts.every(({ state }) => state.held === undefined)
      if (isFree && history.carried.length === 0 && !history.over) this.keys.delete(key)
    }
    // What could not be forgotten is not looked at again before as much has come anew.
    this.sweepAt = Math.max(REMEMBERED_OPS_MAX, 2 * this.remembered)
  }
}

function toOp(
  { client, op, node, call }: Observed<'op-invoked'>,
  invoked: number,
  answered: number,
  outcome: LeaseOutcome | undefined,
): HistoryOp {
  const asked = 'leaseId' in call ? `${call.kind} ${call.leaseId}` : call.kind
  return {
    label: `${client} ${op} at ${node}: ${asked} → ${answerText(outcome)}`,
    invoked,
    answered,
    action: { kind: 'call', requester: node, call, outcome },
  }
}

function answerText(outcome: LeaseOutcome | undefined): string {
  if (outcome === undefined) return 'unknown'
  if (!outcome.ok) return outcome.code
  return outcome.leaseId === undefined ? 'ok' : `lease ${outcome.leaseId}`
}
