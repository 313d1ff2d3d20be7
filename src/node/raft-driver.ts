/**
 * Carries out what the Raft core asks for, in the order on which its promises depend: messages that depend on nothing
 * unsaved leave at once, in parallel with the write; then the write reaches the disk; then the messages that depend on it
 * (votes, acknowledgements) leave; then committed entries are applied.
 *
 * One round at a time. What arrives while a write is under way is stepped at once and goes into the next round: that is
 * the group commit. A failed write ends the node's part in consensus for good (design §6): after a failed fsync nobody
 * knows what is on the disk.
 */
import { type CodedError, type Logger, type PeerId, toCodedError } from '../base/index.ts'
import {
  decodeMessage,
  type Entry,
  encodeMessage,
  type LogStore,
  type RaftCore,
  type RaftMessage,
} from '../raft/index.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'

interface RaftDriverInit {
  readonly core: RaftCore
  readonly log: LogStore
  readonly transport: Transport
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly tickMs: number
  /** Applies committed entries, in order; consensus waits for it. */
  readonly apply: (entries: readonly Entry[]) => Promise<void>
  /** After each round: role, leader or progress may have changed. */
  readonly observe: () => void
  /** Consensus cannot go on in this process. */
  readonly fatal: (error: CodedError) => void
}

export class RaftDriver {
  private readonly init: RaftDriverInit
  private cancelTick: Cancel | undefined
  private round: Promise<void> | undefined
  private stopped = true

  constructor(init: RaftDriverInit) {
    this.init = init
    init.transport.onMessage('raft', (from, bytes) => this.receive(from, bytes))
  }

  get core(): RaftCore {
    return this.init.core
  }

  start(): void {
    this.stopped = false
    this.cancelTick = this.init.scheduler.every(this.init.tickMs, () => {
      this.core.tick()
      this.kick()
    })
    this.kick()
  }

  /** Resolves when the round under way is on disk. */
  async stop(): Promise<void> {
    this.stopped = true
    this.cancelTick?.()
    await this.round
  }

  /** Starts a round unless one is under way; call it after every proposal. */
  kick(): void {
    if (this.stopped || this.round !== undefined || !this.core.hasReady()) return
    this.round = this.rounds()
      .catch((thrown: unknown) => {
        this.stopped = true
        this.cancelTick?.()
        this.init.fatal(toCodedError(thrown))
      })
      .finally(() => {
        this.round = undefined
        this.kick()
      })
  }

  private async rounds(): Promise<void> {
    while (!this.stopped && this.core.hasReady()) {
      const ready = this.core.ready()
      this.send(ready.messages)
      if (ready.hardState !== undefined || ready.entries.length > 0) {
        await this.init.log.append({ hardState: ready.hardState, entries: ready.entries })
      }
      this.send(ready.messagesAfterPersist)
      if (ready.committedEntries.length > 0) await this.init.apply(ready.committedEntries)
      this.core.advance()
      this.init.observe()
    }
  }

  private receive(from: PeerId, bytes: Uint8Array): void {
    if (this.stopped) return
    const message = decodeMessage(bytes)
    if (message.from !== from) {
      this.init.logger.warn({ peer: from, claimed: message.from }, 'raft message in another name refused')
      return
    }
    const result = this.core.step(message)
    if (result.outcome === 'refused') {
      this.init.logger.warn({ peer: from, type: message.type, reason: result.reason }, 'raft message refused')
    }
    this.kick()
  }

  private send(messages: readonly RaftMessage[]): void {
    for (const message of messages) {
      // Lost with a closed connection or a full queue: Raft repeats what it needs.
      this.init.transport.send(message.to, 'raft', encodeMessage(message))
    }
  }
}
