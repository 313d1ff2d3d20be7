/**
 * Requests and responses between two nodes, over the one long-lived `rpc` stream: ids, deadlines, and an immediate
 * failure of everything in flight when the connection closes, so that nothing hangs until a timeout. A request to a peer that
 * this node is not always connected to waits for the connection. A request to this
 * node itself takes the same way through the same handler, without the network.
 */
import { z } from 'zod'
import {
  bytesSchema,
  CodedError,
  decode,
  encode,
  LIMITS,
  type Logger,
  type PeerId,
  toCodedError,
} from '../base/index.ts'
import { DEMAND_PATIENCE_MS, DemandQueue } from './demand-queue.ts'
import type { Cancel, Scheduler, Transport } from './ports.ts'

const frameSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('request'),
    id: z.number().int(),
    method: z.string().max(64),
    body: bytesSchema,
  }),
  z.object({ kind: z.literal('response'), id: z.number().int(), body: bytesSchema }),
  z.object({
    kind: z.literal('error'),
    id: z.number().int(),
    code: z.string().max(64),
    message: z.string().max(LIMITS.errorTextBytesMax),
    hint: z.string().max(LIMITS.errorTextBytesMax),
  }),
])
type Frame = z.output<typeof frameSchema>

type RpcHandler = (from: PeerId, body: Uint8Array) => Promise<Uint8Array>

interface Pending {
  readonly peer: PeerId
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: CodedError) => void
  readonly cancelTimer: Cancel
}

export class Rpc {
  private readonly transport: Transport
  private readonly scheduler: Scheduler
  private readonly demand: DemandQueue
  private readonly logger: Logger
  private readonly handlers = new Map<string, RpcHandler>()
  private readonly pending = new Map<number, Pending>()
  private readonly serving = new Map<PeerId, number>()
  private nextId = 1

  constructor(transport: Transport, scheduler: Scheduler, logger: Logger) {
    this.transport = transport
    this.scheduler = scheduler
    this.logger = logger
    this.demand = new DemandQueue(transport, scheduler, 'rpc')
    transport.onMessage('rpc', (from, bytes) => this.receive(from, bytes))
    transport.onPeer(({ type, peer }) => {
      if (type === 'disconnected') this.failAll(peer)
    })
  }

  handle(method: string, handler: RpcHandler): void {
    this.handlers.set(method, handler)
  }

  /**
   * @throws CodedError the other side's error; `net.peer_unreachable`, `net.disconnected`, `net.queue_full`;
   *   `operation.timeout` after `timeoutMs`.
   */
  request(peer: PeerId, method: string, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (peer === this.transport.self) return this.serve(peer, method, body)
    return new Promise((resolve, reject) => {
      if (this.pending.size >= LIMITS.rpcPendingMax) return reject(new CodedError('net.queue_full', { peer }))
      const id = this.nextId++
      const failed = (error: CodedError): void => this.settle(peer, id)?.reject(error)
      const cancelTimer = this.scheduler.after(timeoutMs, () => {
        this.pending.delete(id)
        reject(new CodedError('operation.timeout', { what: method, ms: timeoutMs }))
      })
      this.pending.set(id, { peer, resolve, reject, cancelTimer })
      const unreachable = new CodedError('net.peer_unreachable', { peer })
      const frame = encode({ kind: 'request', id, method, body })
      const sent = this.demand.send(peer, frame, DEMAND_PATIENCE_MS, () => failed(unreachable))
      if (sent === 'full') failed(new CodedError('net.queue_full', { peer }))
      else if (sent === 'disconnected') failed(unreachable)
    })
  }

  /** Fails whatever is in flight: the node stops. */
  stop(): void {
    for (const [id, { peer }] of [...this.pending])
      this.settle(peer, id)?.reject(new CodedError('node.stopping'))
  }

  private receive(from: PeerId, bytes: Uint8Array): void {
    const frame = decode(frameSchema, bytes, 'rpc frame')
    switch (frame.kind) {
      case 'request':
        void this.answer(from, frame)
        return
      case 'response':
        this.settle(from, frame.id)?.resolve(frame.body)
        return
      case 'error':
        this.settle(from, frame.id)?.reject(CodedError.fromShape(frame))
    }
  }

  private async answer(from: PeerId, frame: Extract<Frame, { kind: 'request' }>): Promise<void> {
    try {
      const body = await this.serve(from, frame.method, frame.body)
      this.respond(from, { kind: 'response', id: frame.id, body })
    } catch (thrown) {
      const error = toCodedError(thrown)
      if (error.code === 'internal')
        this.logger.error({ method: frame.method, err: error }, 'rpc handler failed')
      const { code, message, hint } = error.toShape()
      this.respond(from, { kind: 'error', id: frame.id, code, message: message.slice(0, 1000), hint })
    }
  }

  /**
   * A response that cannot be sent is not missed: the requester's deadline or its closed connection tells it.
   * @throws CodedError `net.frame_too_large`
   */
  private respond(to: PeerId, frame: Frame): void {
    this.transport.send(to, 'rpc', encode(frame))
  }

  private async serve(from: PeerId, method: string, body: Uint8Array): Promise<Uint8Array> {
    const handler = this.handlers.get(method)
    if (handler === undefined) throw new CodedError('wire.unknown_type', { what: 'rpc method', got: method })
    const serving = this.serving.get(from) ?? 0
    if (serving >= LIMITS.rpcServingPerPeerMax)
      throw new CodedError('net.queue_full', { peer: this.transport.self })
    this.serving.set(from, serving + 1)
    try {
      return await handler(from, body)
    } finally {
      const left = (this.serving.get(from) ?? 1) - 1
      if (left === 0) this.serving.delete(from)
      else this.serving.set(from, left)
    }
  }

  /** Takes the pending request out; a response by anyone but the asked peer settles nothing. */
  private settle(from: PeerId, id: number): Pending | undefined {
    const pending = this.pending.get(id)
    if (pending === undefined || pending.peer !== from) return undefined
    this.pending.delete(id)
    pending.cancelTimer()
    return pending
  }

  private failAll(peer: PeerId): void {
    for (const [id, pending] of [...this.pending]) {
      if (pending.peer === peer) this.settle(peer, id)?.reject(new CodedError('net.disconnected', { peer }))
    }
  }
}
