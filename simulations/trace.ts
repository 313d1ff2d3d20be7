/**
 * The trace hash: one number for everything that was observed in a run, in order. Two runs of one seed must have the same
 * one; if not, something in the run depends on more than the seed (a clock, a hash order, a promise race).
 *
 * Observations go in as JSON, one per line: no two different sequences have the same text. The order of the fields of an
 * object counts too, which is right: the same code runs in both runs.
 */
import { createHash, type Hash } from 'node:crypto'
import type { Observation, Observer } from './observation.ts'

/** Handing every line to the hash by itself costs more than the hashing. */
const LINES_TOGETHER = 256

export class TraceHash implements Observer {
  private readonly hash: Hash = createHash('sha256')
  private lines: string[] = []
  private observed = 0

  /** How many observations went in. */
  get length(): number {
    return this.observed
  }

  observe(observation: Observation): void {
    this.observed++
    this.lines.push(JSON.stringify(observation))
    if (this.lines.length >= LINES_TOGETHER) this.flush()
  }

  /** 64 hex digits: everything up to now. May be asked for at any time and changes nothing. */
  digest(): string {
    this.flush()
    return this.hash.copy().digest('hex')
  }

  private flush(): void {
    if (this.lines.length === 0) return
    this.hash.update(`${this.lines.join('\n')}\n`)
    this.lines = []
  }
}
