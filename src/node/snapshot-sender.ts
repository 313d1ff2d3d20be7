/**
 * Sends snapshots to followers, in chunks over a stream of their own, so that heartbeats do not wait behind them. The
 * transport's queue sets the pace: when it is full, the next chunk waits, and nothing is queued here but the snapshot itself.
 *
 * Whether the follower installed it is not known here: it says so as it does for an append. A transfer ends without success when
 * the connection closes, or by a refusal; or by silence, which is what a power cut at the follower looks like, and which costs no
 * more than sending it again if it was wrong.
 */
import { LIMITS, type PeerId } from '../base/index.ts'
import type { Cancel, Scheduler, SendResult } from './ports.ts'
import { chunkAt, encodeSnapshotFrame } from './snapshot-frames.ts'

interface SnapshotSenderInit {
  readonly scheduler: Scheduler
  readonly send: (peer: PeerId, frame: Uint8Array) => SendResult
  /** The peer gets no snapshot now. */
  readonly failed: (peer: PeerId) => void
}

interface Transfer {
  readonly id: number
  /** Empty when everything was handed to the transport. */
  message: Uint8Array
  offset: number
  /** Of the timer that goes on with it, or gives it up. */
  cancel: Cancel | undefined
}

/** A full queue holds tenths of a second of traffic; looking at it more often would only cost. */
const RETRY_MS = 20

export class SnapshotSender {
  private readonly init: SnapshotSenderInit
  private readonly transfers = new Map<PeerId, Transfer>()
  private lastId = 0

  constructor(init: SnapshotSenderInit) {
    this.init = init
  }

  /** Whether another snapshot may be made: each on its way is held in memory. */
  get hasRoom(): boolean {
    let active = 0
    for (const { message } of this.transfers.values()) if (message.byteLength > 0) active++
    return active < LIMITS.snapshotsSentAtOnceMax
  }

  /** Sends an encoded message with a snapshot, in place of an earlier one to the same peer. */
  start(peer: PeerId, message: Uint8Array): void {
    this.forget(peer)
    this.lastId++
    const transfer: Transfer = { id: this.lastId, message, offset: 0, cancel: undefined }
    this.transfers.set(peer, transfer)
    this.proceed(peer, transfer)
  }

  /** The peer says that the transfer came to nothing. */
  refused(peer: PeerId, id: number): void {
    if (this.transfers.get(peer)?.id !== id) return
    this.forget(peer)
    this.init.failed(peer)
  }

  /** The connection closed; whoever asked for the snapshot knows. */
  forget(peer: PeerId): void {
    this.transfers.get(peer)?.cancel?.()
    this.transfers.delete(peer)
  }

  /** This node does not lead any more. */
  forgetAll(): void {
    for (const peer of [...this.transfers.keys()]) this.forget(peer)
  }

  private proceed(peer: PeerId, transfer: Transfer): void {
    while (this.transfers.get(peer) === transfer && transfer.offset < transfer.message.byteLength) {
      const frame = encodeSnapshotFrame(chunkAt(transfer.id, transfer.message, transfer.offset))
      const result = this.init.send(peer, frame)
      if (result === 'full') {
        transfer.cancel = this.init.scheduler.after(RETRY_MS, () => this.proceed(peer, transfer))
        return
      }
      if (result !== 'queued') {
        this.refused(peer, transfer.id)
        return
      }
      transfer.offset += LIMITS.snapshotChunkBytesMax
    }
    if (this.transfers.get(peer) !== transfer) return
    transfer.message = new Uint8Array(0)
    const giveUp = (): void => this.refused(peer, transfer.id)
    transfer.cancel = this.init.scheduler.after(LIMITS.snapshotAnswerMsMax, giveUp)
  }
}
