/** One server with its disk, as a driver would run it: what a crash loses and what it keeps is explicit. */

import { type LogIndex, logIndex, type PeerId, present, Random, term } from '../../../src/base/index.ts'
import { encodeConfiguration } from '../../../src/raft/configuration-codec.ts'
import {
  bootstrapLog,
  type Entry,
  type HardState,
  type LogWrite,
  RaftCore,
  type RaftMessage,
  type RaftOptions,
  type Ready,
  type SavedLog,
} from '../../../src/raft/index.ts'

const PREFIX = `12D3KooW${'1'.repeat(43)}`

/** `n1` … `n9` as peer ids of the right form, in the same order. */
export function peer(name: string): PeerId {
  return (PREFIX + name.slice(1)) as PeerId
}

export function nameOf(id: PeerId | undefined): string {
  return id === undefined ? '-' : `n${id.at(-1)}`
}

export class Disk {
  private hardState: HardState | undefined
  private readonly entries: Entry[]

  constructor(saved: SavedLog = { hardState: undefined, entries: [] }) {
    this.hardState = saved.hardState
    this.entries = [...saved.entries]
  }

  write(write: LogWrite): void {
    if (write.hardState !== undefined) this.hardState = write.hardState
    const first = write.entries[0]
    if (first === undefined) return
    if (first.index > this.entries.length + 1) throw new Error(`a gap before entry ${first.index}`)
    this.entries.length = first.index - 1
    this.entries.push(...write.entries)
  }

  load(): SavedLog {
    return { hardState: this.hardState, entries: [...this.entries] }
  }
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
  readonly disk: Disk
  core: RaftCore
  /** Everything that came out as committed, over all lives of the machine. */
  applied: Entry[] = []
  /** Taken and not yet written. */
  held: Ready | undefined
  private readonly init: MachineInit
  private lives = 0

  constructor(init: MachineInit) {
    this.init = init
    this.name = init.name
    this.id = peer(init.name)
    this.disk = new Disk(init.saved)
    this.core = this.start()
  }

  get appliedIndex(): LogIndex {
    return logIndex(this.applied.length)
  }

  /** Takes a `Ready`, which `finish` completes. Its `messages` may leave now. */
  take(): Ready {
    const ready = this.core.ready()
    this.held = ready
    return ready
  }

  /** Writes what was taken; what comes back may leave now. */
  finish(): readonly RaftMessage[] {
    const ready = present(this.held, 'a Ready that was taken')
    this.held = undefined
    this.disk.write(ready)
    this.core.advance()
    return ready.messagesAfterPersist
  }

  /** Memory is lost; the disk, and what the state machine has applied, are not. */
  restart(): void {
    this.held = undefined
    this.core = this.start()
  }

  private start(): RaftCore {
    this.lives++
    return new RaftCore({
      self: this.id,
      saved: this.disk.load(),
      options: this.init.options,
      random: new Random(this.init.seed * 1000 + this.lives),
      appliedIndex: this.appliedIndex,
    })
  }
}

/** A log whose first entry names the voters, as every member of a group that is up has it. */
export function savedGroup(voters: readonly string[]): SavedLog {
  const first = present(bootstrapLog(peer(present(voters[0], 'a voter'))).entries[0], 'bootstrap entry')
  const data = encodeConfiguration({ voters: voters.map(peer), votersOutgoing: [] })
  return {
    hardState: { term: term(1), vote: undefined, commitIndex: logIndex(1) },
    entries: [{ ...first, data }],
  }
}

/** The log of `savedGroup` with commands behind it, of these terms. */
export function savedLog(
  voters: readonly string[],
  terms: readonly number[],
  hardState: { term: number; vote?: string | undefined; commit: number },
): SavedLog {
  const tail = terms.map((value, at) => ({
    index: logIndex(at + 2),
    term: term(value),
    kind: 'command' as const,
    data: new TextEncoder().encode(`${at + 2}`),
  }))
  return {
    hardState: {
      term: term(hardState.term),
      vote: hardState.vote === undefined ? undefined : peer(hardState.vote),
      commitIndex: logIndex(hardState.commit),
    },
    entries: [...savedGroup(voters).entries, ...tail],
  }
}
