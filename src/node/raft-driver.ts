/**
 * Carries out what the Raft core asks for (`src/raft/ready.ts`). The disk, the state machine and the network work side by side:
 * messages leave at once, because the core gives out none that depends on an unfinished write; at most one write and one apply
 * are under way; what arrives meanwhile is stepped at once and goes into the next ones (group commit).
 *
 * What was proposed and received within one turn of the event loop makes one `Ready`, and one frame per peer.
 *
 * A failed write ends the node's part in consensus for good (design §6): after a failed fsync nobody knows what is on the disk.
 * The same holds for a state machine that cannot apply.
 */
import {
  CodedError,
  LIMITS,
  type Logger,
  type LogIndex,
  type PeerId,
  present,
  toCodedError,
} from '../base/index.ts'
import {
  decodeMessages,
  type Entry,
  encodeMessages,
  type LogBase,
  type RaftCore,
  type RaftMessage,
  type ReadId,
  type Ready,
  type ReadyWrite,
  type Snapshot,
} from '../raft/index.ts'
import type { Scheduler, Transport } from './ports.ts'
import { RaftTicks } from './raft-ticks.ts'
import { decodeSnapshotFrame, encodeSnapshotFrame } from './snapshot-frames.ts'
import { SnapshotReceiver } from './snapshot-receiver.ts'
import { SnapshotSender } from './snapshot-sender.ts'

interface RaftDriverInit {
  readonly core: RaftCore
  readonly transport: Transport
  readonly scheduler: Scheduler
  readonly logger: Logger
  readonly tickMs: number
  /** Resolves when the write is durable; a snapshot in it replaces log and state records in the same step. */
  readonly writeLog: (write: ReadyWrite) => Promise<void>
  /** Applies committed entries, in order; the next ones come when it is done. */
  readonly apply: (entries: readonly Entry[]) => Promise<void>
  /** The state machine as it is now, and the index of the last entry in it. */
  readonly makeSnapshot: () => { readonly index: LogIndex; readonly data: Uint8Array }
  /** @throws CodedError when the state machine could not take it over: then it is refused before anything is written. */
  readonly checkSnapshot: (snapshot: Snapshot) => void
  /** The state machine becomes that of the snapshot, which is durable. Nothing is being applied. */
  readonly installSnapshot: (snapshot: Snapshot) => void
  /** The store may cut the log there. Every state commit that it relies on was accepted before. */
  readonly compact: (base: LogBase) => Promise<void>
  /** Role, leader or progress may have changed. */
  readonly observe: () => void
  /** Consensus cannot go on in this process. */
  readonly fatal: (error: CodedError) => void
}

interface PendingRead {
  /** Known once the read is confirmed. */
  index: LogIndex | undefined
  readonly resolve: () => void
  readonly reject: (error: CodedError) => void
}

export class RaftDriver {
  private readonly init: RaftDriverInit
  private readonly sender: SnapshotSender
  private readonly receiver = new SnapshotReceiver()
  private readonly reads = new Map<ReadId, PendingRead>()
  /** Writes, applies and compactions. */
  private readonly underWay = new Set<Promise<void>>()
  private readonly ticks: RaftTicks
  private isKicked = false
  private stopped = true

  constructor(init: RaftDriverInit) {
    this.init = init
    const { core, transport, scheduler, tickMs } = init
    this.ticks = new RaftTicks({ core, scheduler, tickMs, onTicks: () => this.pump() })
    this.sender = new SnapshotSender({
      scheduler,
      send: (peer, frame) => transport.send(peer, 'snapshot', frame),
      failed: (peer) => {
        this.core.snapshotFailed(peer)
        this.kick()
      },
    })
    transport.onMessage('raft', (from, bytes) => this.receive(from, bytes))
    transport.onMessage('snapshot', (from, bytes) => this.receiveSnapshot(from, bytes))
    transport.onPeer(({ type, peer }) => {
      if (type === 'disconnected') this.loseContact(peer)
    })
  }

  get core(): RaftCore {
    return this.init.core
  }

  start(): void {
    this.stopped = false
    this.ticks.start()
    this.kick()
  }

  /** Resolves when what is under way is on disk. */
  async stop(): Promise<void> {
    this.end()
    await Promise.allSettled(this.underWay)
  }

  /** Something was proposed or received: carried out together with whatever else comes in this turn of the event loop. */
  kick(): void {
    if (this.stopped || this.isKicked) return
    this.isKicked = true
    this.init.scheduler.after(0, () => {
      this.isKicked = false
      this.pump()
    })
  }

  /**
   * Resolves when the state machine here answers linearizably: with everything in it that was acknowledged before the call.
   * @throws CodedError `authority.not_leader` when this node does not lead, does not know yet what was committed before it led,
   *   or was replaced meanwhile; `authority.overloaded`
   */
  readBarrier(): Promise<void> {
    const result = this.core.readIndex()
    if (!result.accepted) {
      const isFull = result.reason === 'too-many-reads'
      throw isFull ? new CodedError('authority.overloaded') : this.notLeader()
    }
    this.kick()
    return new Promise((resolve, reject) => {
      this.reads.set(result.id, { index: undefined, resolve, reject })
    })
  }

  private pump(): void {
    if (this.stopped) return
    try {
      while (this.core.hasReady()) this.carryOut(this.core.ready())
      this.init.observe()
      if (!this.stopped) this.ticks.wait()
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  private carryOut(ready: Ready): void {
    const { write, committedEntries, compaction, snapshotsWanted, reads, roleChange } = ready
    this.send(ready.messages)
    if (write !== undefined) this.run(this.write(write))
    if (committedEntries.length > 0) this.run(this.apply(committedEntries))
    if (compaction !== undefined) this.run(this.init.compact(compaction))
    if (roleChange !== undefined && roleChange.role !== 'leader') this.sender.forgetAll()
    for (const { id, index } of reads) present(this.reads.get(id), 'a confirmed read').index = index
    // A leader of a later term, too, was no leader in between.
    if (roleChange !== undefined) this.failReads()
    this.settleReads()
    this.provideSnapshots(snapshotsWanted)
  }

  private async write(write: ReadyWrite): Promise<void> {
    // What was sent just now goes to the sockets first: encoding a batch for the disk takes longer.
    await Promise.resolve()
    await this.init.writeLog(write)
    if (this.stopped) return
    if (write.snapshot !== undefined) {
      this.init.installSnapshot(write.snapshot)
      this.init.logger.info({ index: write.snapshot.index }, 'a snapshot took the place of the log')
    }
    this.core.writeDone()
    this.pump()
  }

  private async apply(entries: readonly Entry[]): Promise<void> {
    await this.init.apply(entries)
    if (this.stopped) return
    this.core.applied(present(entries.at(-1), 'last applied entry').index)
    this.settleReads()
    this.pump()
  }

  private run(work: Promise<void>): void {
    const done = work.catch((thrown: unknown) => this.fail(thrown)).finally(() => this.underWay.delete(done))
    this.underWay.add(done)
  }

  private fail(thrown: unknown): void {
    if (this.stopped) return
    this.end()
    this.init.fatal(toCodedError(thrown))
  }

  private end(): void {
    this.stopped = true
    this.ticks.stop()
    this.sender.forgetAll()
    this.failReads()
    for (const { reject } of this.reads.values()) reject(this.notLeader())
    this.reads.clear()
  }

  /** Those that are not confirmed never will be. */
  private failReads(): void {
    for (const [id, { index, reject }] of this.reads) {
      if (index !== undefined) continue
      this.reads.delete(id)
      reject(this.notLeader())
    }
  }

  private settleReads(): void {
    const { appliedIndex } = this.core.status
    for (const [id, { index, resolve }] of this.reads) {
      if (index === undefined || index > appliedIndex) continue
      this.reads.delete(id)
      resolve()
    }
  }

  private notLeader(): CodedError {
    return new CodedError('authority.not_leader', { peer: this.core.status.self })
  }

  private loseContact(peer: PeerId): void {
    this.sender.forget(peer)
    this.receiver.forget(peer)
    if (this.stopped) return
    this.ticks.catchUp()
    this.core.loseContact(peer)
    this.kick()
  }

  private receive(from: PeerId, bytes: Uint8Array): void {
    if (this.stopped) return
    this.ticks.catchUp()
    for (const message of decodeMessages(bytes)) this.step(from, message)
    // Most answers to heartbeats lead to nothing; what the core waits for may have come nearer all the same.
    if (this.core.hasReady()) this.kick()
    else this.ticks.wait()
  }

  private step(from: PeerId, message: RaftMessage): 'handled' | 'not-handled' {
    if (message.from !== from) {
      this.init.logger.warn({ peer: from, claimed: message.from }, 'raft message in another name refused')
      return 'not-handled'
    }
    const result = this.core.step(message)
    if (result.outcome === 'refused') {
      this.init.logger.warn({ peer: from, type: message.type, reason: result.reason }, 'raft message refused')
    }
    return result.outcome === 'handled' ? 'handled' : 'not-handled'
  }

  private receiveSnapshot(from: PeerId, bytes: Uint8Array): void {
    if (this.stopped) return
    const frame = decodeSnapshotFrame(bytes)
    if (frame.type === 'refused') {
      this.sender.refused(from, frame.transfer)
      return
    }
    const whole = this.receiver.take(from, frame)
    if (whole === 'incomplete') return
    this.ticks.catchUp()
    const isTaken = whole !== 'refused' && this.takeSnapshot(from, whole)
    if (isTaken) this.kick()
    else {
      const refusal = encodeSnapshotFrame({ type: 'refused', transfer: frame.transfer })
      this.init.transport.send(from, 'snapshot', refusal)
    }
  }

  private takeSnapshot(from: PeerId, whole: Uint8Array): boolean {
    try {
      const messages = decodeMessages(whole)
      for (const message of messages)
        if (message.type === 'install-snapshot') this.init.checkSnapshot(message.snapshot)
      return messages.every((message) => this.step(from, message) === 'handled')
    } catch (thrown) {
      this.init.logger.warn({ peer: from, err: toCodedError(thrown) }, 'snapshot refused')
      return false
    }
  }

  private send(messages: readonly RaftMessage[]): void {
    const perPeer = new Map<PeerId, RaftMessage[]>()
    for (const message of messages) {
      if (message.type === 'install-snapshot') {
        this.sendSnapshot(message)
        continue
      }
      const list = perPeer.get(message.to)
      if (list === undefined) perPeer.set(message.to, [message])
      else list.push(message)
    }
    for (const [peer, list] of perPeer) {
      // Lost with a closed connection or a full queue: Raft repeats what it needs.
      for (const frame of encodeMessages(list)) this.init.transport.send(peer, 'raft', frame)
    }
  }

  private sendSnapshot(message: RaftMessage): void {
    const [bytes] = encodeMessages([message])
    this.sender.start(message.to, present(bytes, 'an encoded snapshot'))
  }

  private provideSnapshots(peers: readonly PeerId[]): void {
    let snapshot: ReturnType<RaftDriverInit['makeSnapshot']> | undefined
    for (const peer of peers) {
      if (!this.sender.hasRoom) {
        // Asked for again when the peer answers the next heartbeat.
        this.core.snapshotFailed(peer)
        continue
      }
      snapshot ??= this.init.makeSnapshot()
      const got = snapshot.data.byteLength
      const max = LIMITS.snapshotBytesMax
      if (got > max) {
        // Not reported as failed, so it is asked for again only after the connection was lost.
        this.init.logger.error({ peer, got, max }, 'a peer stays behind: the snapshot it needs is too large')
        continue
      }
      this.init.logger.info({ peer, index: snapshot.index, bytes: got }, 'sending a snapshot')
      this.core.provideSnapshot(peer, snapshot)
    }
  }
}
