/**
 * What every checker is: a judge that is told facts and drives nothing. It never throws over what it sees (a run goes on
 * after a violation, and the timeline shows what followed), and what it remembers is bounded by named limits, so
 * that a run of simulated days costs no more memory than one of minutes.
 */
import type { PeerId } from '../../src/base/index.ts'
import type { Observer } from '../observation.ts'

export interface Violation {
  /** Name of the checker. */
  readonly checker: string
  /** A sentence with the facts that contradict each other. */
  readonly message: string
  /** Real time at which it was noticed. */
  readonly atMs: number
  readonly node?: PeerId | undefined
}

/** Where verdicts go. `undecided`: a bounded search was given up; it is counted and shown, never taken for a pass. */
export interface Sink {
  violation(violation: Violation): void
  undecided(violation: Violation): void
}

export interface Checker extends Observer {
  readonly name: string
  /** The run is over: what can only be said at the end. */
  finish(): void
}

/** A map that forgets its oldest keys beyond `max`: what a checker remembers of the past. */
export class RecentMap<Key, Value> {
  private readonly rows = new Map<Key, Value>()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get(key: Key): Value | undefined {
    return this.rows.get(key)
  }

  set(key: Key, value: Value): void {
    this.rows.set(key, value)
    if (this.rows.size <= this.max) return
    for (const oldest of this.rows.keys()) {
      this.rows.delete(oldest)
      return
    }
  }

  delete(key: Key): void {
    this.rows.delete(key)
  }
}

/** Log entries of the past that can still be compared: more than any node lags before it gets a snapshot. */
export const REMEMBERED_ENTRIES_MAX = 65_536
/** Terms of the past: elections come seconds apart. */
export const REMEMBERED_TERMS_MAX = 4096
/** Ended leases, finished tasks, keys: more than are ever under way at a time. */
export const REMEMBERED_ENDED_MAX = 16_384
