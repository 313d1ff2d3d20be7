/**
 * Is there one order of these operations that respects real time and that the model accepts? The search of Wing and Gong
 * (JPDC 1993) with the memory of Lowe ("Testing for linearizability", 2017) as Porcupine has it: what was tried is
 * remembered by (set of linearized operations, state), because what comes after depends on nothing else.
 *
 * Two reductions keep it near linear for a lease, and neither loses an answer:
 * - An operation that is possible now and changes nothing is taken at once. It stays possible in no more orders later, and
 *   without it every other order stays possible. (That it would change something later is excluded by the model: flags
 *   of a lease only rise.)
 * - Of several operations of unknown outcome that would lead to the same state, one is tried: all of them reach from now
 *   to the end of time, so they can be exchanged.
 *
 * An operation of unknown outcome may take effect at any time after it was invoked, or never: its window has no end, and
 * an order is complete without it.
 *
 * All ends are returned, not the first: a long history is judged in pieces, cut where nothing is under way, and the next
 * piece begins where this one may have ended.
 */
import { present } from '../../src/base/index.ts'
import type { Action, KeyState, NextGrant } from './lease-model.ts'
import { applyAction, stateKey } from './lease-model.ts'

export interface HistoryOp {
  /** For people: who asked for what, with which answer. */
  readonly label: string
  /** Place of the invocation in the order of all observations; unique. */
  readonly invoked: number
  /** Place of the answer; infinite for an unknown outcome. */
  readonly answered: number
  readonly action: Action
}

/** Where a piece begins or ends: a state, and the operations of unknown outcome that were used to get there. */
export interface Frontier {
  readonly state: KeyState
  readonly used: ReadonlySet<HistoryOp>
}

interface Piece {
  /** In the order of `invoked`. Those of unknown outcome may be older than the piece. */
  readonly ops: readonly HistoryOp[]
  /** All grants of the key, ids rising. */
  readonly grants: readonly NextGrant[]
  readonly starts: readonly Frontier[]
  readonly statesMax: number
}

export type SearchResult =
  | { readonly verdict: 'linearizable'; readonly ends: readonly Frontier[] }
  /** `blocked`: the first answer that no order reaches beyond; `explained`: how many operations the best order has. */
  | { readonly verdict: 'violation'; readonly blocked: HistoryOp | undefined; readonly explained: number }
  | { readonly verdict: 'undecided' }

interface Node {
  /** Which operations are linearized, as bits. */
  readonly done: Uint32Array
  /** How many of them are of known outcome. */
  known: number
  readonly state: KeyState
}

export function searchOrders(piece: Piece): SearchResult {
  return new Search(piece).run()
}

class Search {
  private readonly piece: Piece
  /** Those of known outcome, and after them the others: a long tail of old ones is not walked through at each step. */
  private readonly ops: readonly HistoryOp[]
  private readonly knownCount: number
  private readonly tried = new Set<string>()
  private readonly waiting: Node[] = []
  private readonly ends = new Map<string, Frontier>()
  private best = -1
  private blocked: HistoryOp | undefined

  constructor(piece: Piece) {
    this.piece = piece
    const known = piece.ops.filter(isKnown)
    this.knownCount = known.length
    this.ops = [...known, ...piece.ops.filter((op) => !isKnown(op))]
  }

  run(): SearchResult {
    const words = Math.ceil(this.ops.length / 32) || 1
    for (const { state, used } of this.piece.starts) {
      const done = new Uint32Array(words)
      this.ops.forEach((op, at) => {
        if (used.has(op)) mark(done, at)
      })
      this.push({ done, known: 0, state })
    }
    for (let node = this.waiting.pop(); node !== undefined; node = this.waiting.pop()) {
      if (this.tried.size > this.piece.statesMax) return { verdict: 'undecided' }
      this.expand(node)
    }
    if (this.ends.size > 0) return { verdict: 'linearizable', ends: [...this.ends.values()] }
    return { verdict: 'violation', blocked: this.blocked, explained: Math.max(0, this.best) }
  }

  private push(node: Node): void {
    const key = keyOf(node)
    if (this.tried.has(key)) return
    this.tried.add(key)
    this.waiting.push(node)
  }

  private expand(node: Node): void {
    const { state } = node
    const next = this.nextGrant(state)
    this.takeIdle(node, next)
    if (node.known === this.knownCount) this.end(node)
    const candidates = this.candidates(node.done)
    this.noteProgress(node, candidates)
    const untold = new Set<string>()
    for (const at of candidates) {
      const after = applyAction(state, this.opAt(at).action, next)
      if (after === undefined || after === state) continue
      const known = at < this.knownCount
      if (!known) {
        const key = stateKey(after)
        if (untold.has(key)) continue
        untold.add(key)
      }
      const done = node.done.slice()
      mark(done, at)
      this.push({ done, known: node.known + (known ? 1 : 0), state: after })
    }
  }

  /** Takes every known operation that is possible now and changes nothing; taking one can make others minimal. */
  private takeIdle(node: Node, next: NextGrant | undefined): void {
    for (let taken = true; taken; ) {
      taken = false
      for (const at of this.candidates(node.done)) {
        if (at >= this.knownCount || applyAction(node.state, this.opAt(at).action, next) !== node.state)
          continue
        mark(node.done, at)
        node.known++
        taken = true
      }
    }
  }

  /** Operations that could come next: not done, and invoked before every answer that is still to come. */
  private candidates(done: Uint32Array): number[] {
    const found: number[] = []
    let firstAnswer = Number.POSITIVE_INFINITY
    for (let at = firstMissing(done); at < this.knownCount; at++) {
      const op = this.opAt(at)
      if (op.invoked > firstAnswer) break
      if (has(done, at)) continue
      found.push(at)
      firstAnswer = Math.min(firstAnswer, op.answered)
    }
    for (let at = this.knownCount; at < this.ops.length; at++) {
      if (this.opAt(at).invoked > firstAnswer) break
      if (!has(done, at)) found.push(at)
    }
    return found
  }

  private end(node: Node): void {
    const used = new Set(this.ops.filter((op, at) => !isKnown(op) && has(node.done, at)))
    this.ends.set(keyOf(node), { state: node.state, used })
  }

  private noteProgress({ known }: Node, candidates: readonly number[]): void {
    if (known <= this.best || known === this.knownCount) return
    this.best = known
    this.blocked = candidates
      .map((at) => this.opAt(at))
      .reduce((first, op) => (op.answered < first.answered ? op : first))
  }

  private nextGrant({ lastId }: KeyState): NextGrant | undefined {
    const { grants } = this.piece
    let [low, high] = [0, grants.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((grants[middle]?.leaseId ?? 0) <= lastId) low = middle + 1
      else high = middle
    }
    return grants[low]
  }

  private opAt(at: number): HistoryOp {
    return present(this.ops[at], 'operation of the piece')
  }
}

/** Equal texts mean that the same can come after. */
function keyOf({ done, state }: Node): string {
  return `${setKey(done)}|${stateKey(state)}`
}

const isKnown = (op: HistoryOp): boolean => op.answered !== Number.POSITIVE_INFINITY

function mark(set: Uint32Array, at: number): void {
  set[at >>> 5] = (set[at >>> 5] ?? 0) | (1 << (at & 31))
}

function has(set: Uint32Array, at: number): boolean {
  return (((set[at >>> 5] ?? 0) >>> (at & 31)) & 1) === 1
}

function firstMissing(set: Uint32Array): number {
  const word = set.findIndex((bits) => bits !== 0xffff_ffff)
  if (word < 0) return set.length * 32
  const bits = ~(set[word] ?? 0) >>> 0
  return word * 32 + 31 - Math.clz32(bits & -bits)
}

/** Equal texts mean equal sets: the full words in front are counted, the empty ones at the end left out. */
function setKey(set: Uint32Array): string {
  const first = set.findIndex((bits) => bits !== 0xffff_ffff)
  const last = set.findLastIndex((bits) => bits !== 0)
  return `${first}:${first < 0 ? '' : set.subarray(first, last + 1).join(',')}`
}
