/**
 * Messages of one protocol to peers that this node is not always connected to: kept while the peer is being connected to, sent in
 * order when it is, and given up when that takes too long. Whoever sent them repeats by its own rules, as with
 * everything that a closed connection loses.
 */
import { LIMITS, type PeerId } from '../base/index.ts'
import type { Protocol } from '../net/index.ts'
import type { Cancel, Scheduler, SendResult, Transport } from './ports.ts'

/** A dial and its handshakes take a few round trips; whoever does not answer by then is away. */
export const DEMAND_PATIENCE_MS = 2000

interface Waiting {
  readonly message: Uint8Array
  /** Called when it was not sent. */
  readonly dropped: () => void
  readonly cancelTimer: Cancel
}

export class DemandQueue {
  private readonly transport: Transport
  private readonly scheduler: Scheduler
  private readonly protocol: Protocol
  private readonly waiting = new Map<PeerId, Waiting[]>()

  constructor(transport: Transport, scheduler: Scheduler, protocol: Protocol) {
    this.transport = transport
    this.scheduler = scheduler
    this.protocol = protocol
    transport.onPeer(({ type, peer }) => {
      if (type === 'connected') this.flush(peer)
    })
  }

  /** As `Transport.send`; what would have to wait for a dial waits here, for at most `patienceMs`, and counts as queued. */
  send(
    peer: PeerId,
    message: Uint8Array,
    patienceMs: number,
    dropped: () => void = () => undefined,
  ): Exclude<SendResult, 'dialling'> {
    const sent = this.waiting.has(peer) ? 'dialling' : this.transport.send(peer, this.protocol, message)
    return sent === 'dialling' ? this.hold(peer, message, patienceMs, dropped) : sent
  }

  /** Keeps a message for a peer that is being dialled anyway. */
  hold(
    peer: PeerId,
    message: Uint8Array,
    patienceMs: number,
    dropped: () => void = () => undefined,
  ): 'queued' | 'full' {
    const queue = this.waiting.get(peer) ?? []
    if (queue.length >= LIMITS.demandQueueMessagesMax) return 'full'
    const cancelTimer = this.scheduler.after(patienceMs, () => this.drop(peer, entry))
    const entry: Waiting = { message, dropped, cancelTimer }
    queue.push(entry)
    this.waiting.set(peer, queue)
    return 'queued'
  }

  private flush(peer: PeerId): void {
    const queue = this.waiting.get(peer) ?? []
    this.waiting.delete(peer)
    for (const { message, dropped, cancelTimer } of queue) {
      cancelTimer()
      if (this.transport.send(peer, this.protocol, message) !== 'queued') dropped()
    }
  }

  private drop(peer: PeerId, entry: Waiting): void {
    const left = (this.waiting.get(peer) ?? []).filter((other) => other !== entry)
    if (left.length > 0) this.waiting.set(peer, left)
    else this.waiting.delete(peer)
    entry.dropped()
  }
}
