import { z } from 'zod'
import {
  CodedError,
  LIMITS,
  type LogIndex,
  logIndex,
  type PeerId,
  peerId,
  type Term,
  term,
} from '../base/index.ts'

/** Terms and indexes on the wire: far above what a group ever reaches, and adding one is still exact. */
const COUNTER_MAX = 2 ** 52

export const peerIdSchema = z.string().transform((value, context) => {
  try {
    return peerId(value)
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown
    context.addIssue('not a peer id')
    return z.NEVER
  }
})

/** Reads a decoded list from its first field to its last. Every method throws CodedError `wire.malformed`. */
export class FieldReader {
  private readonly what: string
  private readonly fields: readonly unknown[]
  private at = 0

  constructor(what: string, fields: unknown) {
    this.what = what
    if (!Array.isArray(fields)) throw this.malformed('a list')
    this.fields = fields
  }

  integer(): number {
    const value = this.next()
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw this.malformed('a whole number')
    return value
  }

  term(): Term {
    return term(this.counter())
  }

  index(): LogIndex {
    return logIndex(this.counter())
  }

  pace(): number {
    const value = this.integer()
    if (value < 1 || value > LIMITS.raftIdlePaceMax) throw this.malformed('a pace')
    return value
  }

  boolean(): boolean {
    const value = this.next()
    if (typeof value !== 'boolean') throw this.malformed('true or false')
    return value
  }

  bytes(): Uint8Array {
    const value = this.next()
    if (!(value instanceof Uint8Array)) throw this.malformed('bytes')
    return value
  }

  peer(): PeerId {
    const value = this.next()
    if (typeof value !== 'string') throw this.malformed('a peer id')
    try {
      return peerId(value)
    } catch (thrown) {
      throw thrown instanceof CodedError ? this.malformed('a peer id') : thrown
    }
  }

  list<Item>(read: (item: FieldReader) => Item): readonly Item[] {
    const value = this.next()
    if (!Array.isArray(value)) throw this.malformed('a list')
    return value.map((item) => read(new FieldReader(this.what, item)))
  }

  get isAtEnd(): boolean {
    return this.at >= this.fields.length
  }

  /** Nothing may follow what was read. */
  end(): void {
    if (this.at !== this.fields.length) throw this.malformed('nothing more')
  }

  malformed(expected: string): CodedError {
    return new CodedError('wire.malformed', {
      what: this.what,
      reason: `expected ${expected} as field ${this.at}`,
    })
  }

  private counter(): number {
    const value = this.integer()
    if (value < 0 || value > COUNTER_MAX) throw this.malformed('a counter')
    return value
  }

  private next(): unknown {
    const value: unknown = this.fields[this.at]
    this.at++
    return value
  }
}
