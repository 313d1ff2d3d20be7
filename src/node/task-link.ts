/**
 * Task messages to a peer, in order. The network's queue is bounded: what does not fit waits here and is tried again;
 * what is waiting when the connection closes is dropped, because both ends repeat what matters when they meet again.
 * Messages to this node itself are handed over directly, so that a local task takes the same way as a remote one.
 *
 * What can wait here is bounded by its senders: one output window per attempt, and a few control messages.
 */

import type { Logger, PeerId } from '../base/index.ts'
import { decodeTaskMessage, encodeTaskMessage, type TaskMessage } from '../task/index.ts'
import { DEMAND_PATIENCE_MS, DemandQueue } from './demand-queue.ts'
import type { Scheduler, Transport } from './ports.ts'

const RETRY_MS = 20

type TaskMessageHandler = (from: PeerId, message: TaskMessage) => void

export class TaskLink {
  private readonly transport: Transport
  private readonly scheduler: Scheduler
  private readonly demand: DemandQueue
  private readonly logger: Logger
  private readonly waiting = new Map<PeerId, Uint8Array[]>()
  private readonly handlers: TaskMessageHandler[] = []
  private readonly opened = Promise.withResolvers<void>()
  private isOpen = false

  constructor(transport: Transport, scheduler: Scheduler, logger: Logger) {
    this.transport = transport
    this.scheduler = scheduler
    this.logger = logger
    this.demand = new DemandQueue(transport, scheduler, 'task')
    transport.onMessage('task', (from, bytes) => this.handOver(from, decodeTaskMessage(bytes)))
    transport.onPeer(({ type, peer }) => {
      if (type === 'disconnected') this.waiting.delete(peer)
    })
  }

  onMessage(handler: TaskMessageHandler): void {
    this.handlers.push(handler)
  }

  /**
   * Both ends have taken up their journals: until now whoever asked for a task would have been told that nobody knows it. What
   * came before waited, and made its sender wait.
   */
  open(): void {
    this.isOpen = true
    this.opened.resolve()
  }

  /** @param unsent called when a peer that had to be connected to for this could not be. */
  send(to: PeerId, message: TaskMessage, unsent?: () => void): void {
    if (to === this.transport.self) {
      // Not within the sender's own call: its state has to settle first, as with a message from outside.
      queueMicrotask(() => void this.handOver(to, message))
      return
    }
    const bytes = encodeTaskMessage(message)
    const queue = this.waiting.get(to)
    if (queue !== undefined) queue.push(bytes)
    else if (this.demand.send(to, bytes, DEMAND_PATIENCE_MS, unsent) === 'full') this.wait(to, bytes)
  }

  private wait(to: PeerId, bytes: Uint8Array): void {
    const queue = [bytes]
    this.waiting.set(to, queue)
    const retry = (): void => {
      if (this.waiting.get(to) !== queue) return
      for (let next = queue[0]; next !== undefined; next = queue[0]) {
        if (this.transport.send(to, 'task', next) === 'full') {
          this.scheduler.after(RETRY_MS, retry)
          return
        }
        queue.shift()
      }
      this.waiting.delete(to)
    }
    this.scheduler.after(RETRY_MS, retry)
  }

  private handOver(from: PeerId, message: TaskMessage): Promise<void> | undefined {
    if (!this.isOpen) return this.opened.promise.then(() => this.dispatch(from, message))
    this.dispatch(from, message)
    return undefined
  }

  private dispatch(from: PeerId, message: TaskMessage): void {
    this.logger.debug({ peer: from, type: message.type, key: message.idempotency_key }, 'task message')
    for (const handler of this.handlers) handler(from, message)
  }
}
