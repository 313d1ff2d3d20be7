/** Things of the cores as the facts that observers are told: digests instead of bytes. */
import type { SavedState } from '../../src/authority/index.ts'
import {
  decodeConfiguration,
  type Entry,
  type HardState,
  type LogBase,
  type SavedLog,
} from '../../src/raft/index.ts'
import type { BaseFact, Digest, EntryFact, HardStateFact, SavedLogFact, VotersFact } from '../observation.ts'

const FNV_PRIME = 0x01000193
const LANE_SEEDS = [0x811c9dc5, 0x9747b28c] as const
/** An entry's kind goes into its digest as one number. */
const KIND_SEEDS = { empty: 1, command: 2, configuration: 3 } as const

/** Two lanes of FNV-1a with another mixing step each: not for enemies, only for telling bytes apart. */
function lanes(bytes: Uint8Array, seed: number): [number, number] {
  let [a, b] = [LANE_SEEDS[0] ^ seed, LANE_SEEDS[1] ^ seed]
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, FNV_PRIME)
    b = Math.imul(b ^ byte, 0x5bd1e995)
    b ^= b >>> 13
  }
  return [a >>> 0, b >>> 0]
}

const hex = ([a, b]: readonly [number, number]): Digest =>
  (a >>> 0).toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0')

export const digestOf = (bytes: Uint8Array): Digest => hex(lanes(bytes, 0))

export function entryFact({ index, term, kind, data }: Entry): EntryFact {
  const fact = { index, term, kind, digest: hex(lanes(data, KIND_SEEDS[kind])) }
  return kind === 'configuration' ? { ...fact, configuration: votersFact(data) } : fact
}

export function hardStateFact(state: HardState): HardStateFact {
  return { term: state.term, vote: state.vote, commitIndex: state.commitIndex }
}

export function savedLogFact(saved: SavedLog): SavedLogFact {
  return {
    hardState: saved.hardState === undefined ? undefined : hardStateFact(saved.hardState),
    base: baseFact(saved.base),
    entries: saved.entries.map(entryFact),
  }
}

export function baseFact({ index, term, configuration }: LogBase): BaseFact {
  return { index, term, configuration: index === 0 ? undefined : votersFact(configuration) }
}

function votersFact(data: Uint8Array): VotersFact {
  const { voters, votersOutgoing } = decodeConfiguration(data)
  return { voters, votersOutgoing }
}

/** Digest of all records of the state machine, kept up as they change: a sum does not care for order. */
export class StateDigest {
  private readonly parts = new Map<string, [number, number]>()
  private a = 0
  private b = 0

  constructor(records: SavedState['records']) {
    for (const [key, value] of records) this.set(key, value)
  }

  set(key: string, value: Uint8Array | undefined): void {
    const before = this.parts.get(key)
    if (before !== undefined) this.add(-before[0], -before[1])
    this.parts.delete(key)
    if (value === undefined) return
    const part = lanes(value, lanes(Buffer.from(key), 0)[0])
    this.parts.set(key, part)
    this.add(...part)
  }

  get digest(): Digest {
    return hex([this.a, this.b])
  }

  private add(a: number, b: number): void {
    this.a = (this.a + a) >>> 0
    this.b = (this.b + b) >>> 0
  }
}
