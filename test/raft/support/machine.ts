/** One server with its disk, as a driver would run it: what a crash loses and what it keeps is explicit. */

import { z } from 'zod'
import {
  decode,
  encode,
  type LogIndex,
  logIndex,
  type PeerId,
  present,
  Random,
  term,
} from '../../../src/base/index.ts'
import { NO_CONFIGURATION } from '../../../src/raft/configuration.ts'
import { encodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import {
  type Entry,
  type HardState,
  type LogBase,
  NEVER_COMPACTED,
  RaftCore,
  type RaftOptions,
  type Ready,
  type ReadyWrite,
  type SavedLog,
} from '../../../src/raft/index.ts'
import { peer } from './names.ts'
import { printEntry } from './print.ts'

export const EMPTY: SavedLog = { hardState: undefined, base: NEVER_COMPACTED, entries: [] }

/** Refuses what a store refuses: holes, and a log that is cut where it is not written. */
export class Disk {
  private hardState: HardState | undefined
  private base: LogBase
  private readonly entries: Entry[]
  /** Accepted, and durable with the next write. */
  private nextBase: LogBase | undefined

  constructor(saved: SavedLog) {
    this.hardState = saved.hardState
    this.base = saved.base
    this.entries = [...saved.entries]
  }

  write({ hardState, entries, snapshot }: ReadyWrite): void {
    if (this.nextBase !== undefined) this.cutTo(this.nextBase)
    if (hardState !== undefined) this.hardState = hardState
    if (snapshot !== undefined) {
      this.base = snapshot
      this.entries.length = 0
      if (entries.length > 0) throw new Error('entries beside a snapshot')
    }
    const first = entries[0]
    if (first === undefined) return
    const kept = first.index - this.base.index - 1
    if (kept > this.entries.length) throw new Error(`a gap before entry ${first.index}`)
    if (kept < 0) throw new Error(`entry ${first.index} is part of the snapshot`)
    this.entries.length = kept
    this.entries.push(...entries)
  }

  compact(base: LogBase): void {
    this.nextBase = base
  }

  /** The power goes. */
  crash(): void {
    this.nextBase = undefined
  }

  load(): SavedLog {
    return { hardState: this.hardState, base: this.base, entries: [...this.entries] }
  }

  /** The term at `index`, if the disk knows it. */
  termAt(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.entries[index - this.base.index - 1]?.term
  }

  private cutTo(base: LogBase): void {
    this.nextBase = undefined
    if (base.index <= this.base.index) return
    if (this.termAt(base.index) !== base.term) throw new Error(`no entry ${base.index} to cut at`)
    this.entries.splice(0, base.index - this.base.index)
    this.base = base
  }
}

/** A state machine that remembers what it applied, as one number. */
export interface State {
  readonly index: LogIndex
  readonly digest: number
}

const stateSchema = z.strictObject({ index: z.int().transform(logIndex), digest: z.int() })
const NOTHING_APPLIED: State = { index: logIndex(0), digest: 0 }

export function nextState(state: State, entry: Entry): State {
  let digest = state.digest
  for (const char of printEntry(entry)) digest = (Math.imul(digest, 31) + char.charCodeAt(0)) >>> 0
  return { index: entry.index, digest }
}

export interface MachineInit {
  readonly name: string
  readonly options: RaftOptions
  readonly saved: SavedLog
  readonly seed: number
}

export class Machine {
  readonly id: PeerId
  readonly name: string
  disk: Disk
  core: RaftCore
  /** Everything that came out as committed, over all lives of the machine. */
  readonly applied: Entry[] = []
  /** After each entry that was applied; the last is the present one. */
  states: State[] = [NOTHING_APPLIED]
  /** Begun and not yet on the disk. */
  held: ReadyWrite | undefined
  /** Who waits for a snapshot of this one. */
  readonly wanted = new Set<PeerId>()
  private readonly init: MachineInit
  private lives = 0

  constructor(init: MachineInit) {
    this.init = init
    this.name = init.name
    this.id = peer(init.name)
    this.disk = new Disk(init.saved)
    if (init.saved.base.index > 0) this.states = [{ index: init.saved.base.index, digest: 0 }]
    this.core = this.start()
  }

  get state(): State {
    return present(this.states.at(-1), 'a state')
  }

  /** Takes a `Ready`: its messages may leave, its entries are the caller's to apply, its write waits for `finish`. */
  take(): Ready {
    const ready = this.core.ready()
    if (ready.write !== undefined) this.held = ready.write
    if (ready.compaction !== undefined) this.disk.compact(ready.compaction)
    for (const id of ready.snapshotsWanted) this.wanted.add(id)
    return ready
  }

  apply(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) {
      this.applied.push(entry)
      this.states.push(nextState(this.state, entry))
    }
    this.core.applied(this.state.index)
  }

  /** The write under way reaches the disk, and the core is told. */
  finish(): void {
    this.reachDisk()
    this.held = undefined
    this.core.writeDone()
  }

  /** The write under way reaches the disk; a snapshot in it becomes the state. */
  reachDisk(): void {
    const write = present(this.held, 'a write that was begun')
    this.disk.write(write)
    if (write.snapshot !== undefined)
      this.states = [decode(stateSchema, write.snapshot.data, 'state of a test')]
  }

  /** Gives `to` the state that is applied here, if the core says that it needs one. */
  provide(to: PeerId): void {
    this.wanted.delete(to)
    this.core.provideSnapshot(to, { index: this.state.index, data: encode(this.state) })
  }

  /** The state machine's store is not synced: its last steps may be lost, but not those that the log relies on. */
  forgetStates(keep: (states: number) => number): void {
    const first = this.states.findIndex((state) => state.index >= this.disk.load().base.index)
    this.states.length = first + keep(this.states.length - first)
  }

  /** Memory is lost; the disk, and what the state machine has applied, are not. */
  restart(): void {
    this.held = undefined
    this.disk.crash()
    this.wanted.clear()
    this.core = this.start()
  }

  /** The store is lost, and another one takes its place. */
  wipe(saved: SavedLog): void {
    this.disk = new Disk(saved)
    this.states = [NOTHING_APPLIED]
    this.restart()
  }

  private start(): RaftCore {
    this.lives++
    return new RaftCore({
      self: this.id,
      saved: this.disk.load(),
      options: this.init.options,
      random: new Random(this.init.seed * 1000 + this.lives),
      appliedIndex: this.state.index,
    })
  }
}

/** A log whose first entry names the voters, as every member of a group that is up has it. */
export function savedGroup(voters: readonly string[], learners: readonly string[] = []): SavedLog {
  const data = encodeConfiguration({
    ...NO_CONFIGURATION,
    voters: voters.map(peer),
    learners: learners.map(peer),
  })
  return {
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(1) },
    base: NEVER_COMPACTED,
    entries: [{ index: logIndex(1), term: term(1), kind: 'configuration', data }],
  }
}

interface SavedHardState {
  readonly term: number
  readonly vote?: string | undefined
  readonly commit: number
}

/** The log of `savedGroup` with commands behind it, of these terms. */
export function savedLog(
  group: SavedLog,
  terms: readonly number[],
  { term: savedTerm, vote, commit }: SavedHardState,
): SavedLog {
  const tail = terms.map((value, at) => ({
    index: logIndex(at + 2),
    term: term(value),
    kind: 'command' as const,
    data: new TextEncoder().encode(`${at + 2}`),
  }))
  return {
    ...group,
    hardState: {
      term: term(savedTerm),
      vote: vote === undefined ? undefined : peer(vote),
      commitIndex: logIndex(commit),
    },
    entries: [...group.entries, ...tail],
  }
}

/** An empty store that was rebuilt after a loss. */
export function rebuiltLog(termNow: number, votesFrom: number): SavedLog {
  const commitIndex = logIndex(0)
  return {
    ...EMPTY,
    hardState: { term: term(termNow), vote: undefined, commitIndex, votesFrom: logIndex(votesFrom) },
  }
}
