/**
 * The logs of all nodes as their disks hold them, rebuilt from what was handed to the disks and what was reported as
 * fsynced. Not a checker: several checkers look at it. The suite updates it *after* the checkers have seen an
 * observation, so that at `life-began` they can still see what the disk must hold, and at `log-writing` what is replaced.
 */
import type { LogIndex, PeerId } from '../../src/base/index.ts'
import type {
  BaseFact,
  EntryFact,
  HardStateFact,
  LogWriteFact,
  Observation,
  Observer,
  VotersFact,
} from '../observation.ts'

type Pending =
  | { readonly kind: 'write'; readonly write: LogWriteFact }
  | { readonly kind: 'snapshot'; readonly hardState: HardStateFact; readonly base: BaseFact }

/** Whether those for which `counts` holds are a majority, and of both halves while the configuration is joint. */
export function isQuorum({ voters, votersOutgoing }: VotersFact, counts: (peer: PeerId) => boolean): boolean {
  const majority = (peers: readonly PeerId[]): boolean => peers.filter(counts).length * 2 > peers.length
  return majority(voters) && (votersOutgoing.length === 0 || majority(votersOutgoing))
}

const NO_BASE: BaseFact = { index: 0 as LogIndex, term: 0 as BaseFact['term'], configuration: undefined }

export interface PlacedConfiguration {
  readonly index: number
  readonly configuration: VotersFact
}

/** One log: immutable from outside, contiguous from `base.index + 1`. */
export class NodeLog {
  base: BaseFact
  hardState: HardStateFact | undefined
  private rows: EntryFact[]
  /** Those of `rows` that are configurations: few, and asked for at every commit. */
  private configurations: EntryFact[]

  constructor(base: BaseFact = NO_BASE, entries: readonly EntryFact[] = [], hardState?: HardStateFact) {
    this.base = base
    this.rows = [...entries]
    this.configurations = entries.filter(isConfiguration)
    this.hardState = hardState
  }

  get lastIndex(): number {
    return this.base.index + this.rows.length
  }

  get entries(): readonly EntryFact[] {
    return this.rows
  }

  entryAt(index: number): EntryFact | undefined {
    return this.rows[index - this.base.index - 1]
  }

  /** `undefined`: before the base, or beyond the end. */
  termAt(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.entryAt(index)?.term
  }

  replaceFrom(write: LogWriteFact): void {
    if (write.hardState !== undefined) this.hardState = write.hardState
    const first = write.entries[0]
    if (first === undefined) return
    const keep = Math.max(0, first.index - this.base.index - 1)
    if (keep < this.rows.length) {
      this.rows.length = keep
      this.configurations = this.configurations.filter((entry) => entry.index < first.index)
    }
    for (const entry of write.entries) {
      if (entry.index <= this.base.index) continue
      this.rows.push(entry)
      if (isConfiguration(entry)) this.configurations.push(entry)
    }
  }

  compact(base: BaseFact): void {
    if (base.index <= this.base.index) return
    this.rows = this.rows.slice(base.index - this.base.index)
    this.configurations = this.configurations.filter((entry) => entry.index > base.index)
    this.base = base
  }

  /** The newest configuration before `end`, and where it stands. */
  configurationBefore(end: number): PlacedConfiguration | undefined {
    const entry = this.configurations.findLast(({ index }) => index < end)
    const configuration = entry === undefined ? this.base.configuration : entry.configuration
    if (configuration === undefined) return undefined
    return { index: entry === undefined ? this.base.index : entry.index, configuration }
  }
}

const isConfiguration = (entry: EntryFact): boolean => entry.configuration !== undefined

/** A node's disk: what is on it for sure, and the one write that may be on it. */
export class NodeDisk {
  durable = new NodeLog()
  pending: Pending | undefined

  /** The entry at `index` of the log as the node handed it to its disk, durable or not. */
  handed(index: number): EntryFact | undefined {
    if (this.pending?.kind === 'snapshot') return undefined
    const entries = this.pending?.write.entries ?? []
    const first = entries[0]
    if (first === undefined || index < first.index) return this.durable.entryAt(index)
    return entries[index - first.index]
  }

  /** Where the handed log begins and ends. */
  get handedBase(): BaseFact {
    return this.pending?.kind === 'snapshot' ? this.pending.base : this.durable.base
  }

  get handedLastIndex(): number {
    if (this.pending?.kind === 'snapshot') return this.pending.base.index
    return this.pending?.write.entries.at(-1)?.index ?? this.durable.lastIndex
  }

  handedTermAt(index: number): number | undefined {
    const base = this.handedBase
    return index === base.index ? base.term : this.handed(index)?.term
  }

  /** The newest configuration of the handed log. */
  get handedConfiguration(): PlacedConfiguration | undefined {
    const { pending, durable } = this
    if (pending === undefined) return durable.configurationBefore(Number.POSITIVE_INFINITY)
    if (pending.kind === 'snapshot')
      return new NodeLog(pending.base).configurationBefore(Number.POSITIVE_INFINITY)
    const { entries } = pending.write
    const newest = entries.findLast(isConfiguration)
    if (newest?.configuration !== undefined)
      return { index: newest.index, configuration: newest.configuration }
    return durable.configurationBefore(entries[0]?.index ?? Number.POSITIVE_INFINITY)
  }

  settle(): void {
    const { pending } = this
    this.pending = undefined
    if (pending?.kind === 'write') this.durable.replaceFrom(pending.write)
    if (pending?.kind === 'snapshot') this.durable = new NodeLog(pending.base, [], pending.hardState)
  }
}

export class NodeLogs implements Observer {
  private readonly disks = new Map<PeerId, NodeDisk>()

  /** The disk of a node; an empty one for a node that was not told of. */
  of(node: PeerId): NodeDisk {
    const known = this.disks.get(node)
    if (known !== undefined) return known
    const disk = new NodeDisk()
    this.disks.set(node, disk)
    return disk
  }

  /** Whether anything was ever told about the node's disk. */
  knows(node: PeerId): boolean {
    return this.disks.has(node)
  }

  observe(observation: Observation): void {
    switch (observation.type) {
      case 'life-began': {
        const { base, entries, hardState } = observation.log
        const disk = this.of(observation.node)
        disk.durable = new NodeLog(base, entries, hardState)
        disk.pending = undefined
        return
      }
      case 'wiped':
        this.disks.delete(observation.node)
        return
      case 'log-writing':
        this.of(observation.node).pending = { kind: 'write', write: observation }
        return
      case 'snapshot-installing':
        this.of(observation.node).pending = {
          kind: 'snapshot',
          hardState: observation.hardState,
          base: observation.base,
        }
        return
      case 'log-written':
      case 'snapshot-installed':
        this.of(observation.node).settle()
        return
      case 'log-compacted':
        this.of(observation.node).durable.compact(observation.base)
        return
      default:
        return
    }
  }
}
