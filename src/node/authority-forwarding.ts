/**
 * Batched forwarding: the requests that this node makes of one leader within one turn of the event loop travel in one
 * rpc, and their proposals share one entry write and one commit at the leader. Nobody waits for company: a batch
 * leaves at the end of the turn in which its first request was made. Under load batches form by themselves, because
 * the answers of one arrive together and wake their askers in one turn.
 */
import { CodedError, LIMITS, type PeerId, toCodedError } from '../base/index.ts'
import {
  AUTHORITY_METHODS,
  type AuthorityReply,
  decodeReplyBatch,
  encodeForwardBatch,
} from './authority-protocol.ts'
import type { Rpc } from './rpc.ts'

interface Waiting {
  readonly request: Uint8Array
  readonly timeoutMs: number
  readonly resolve: (reply: AuthorityReply) => void
  readonly reject: (error: CodedError) => void
}

export class AuthorityForwarding {
  private readonly rpc: Rpc
  private readonly waiting = new Map<PeerId, Waiting[]>()

  constructor(rpc: Rpc) {
    this.rpc = rpc
  }

  /**
   * @param request an encoded `ClientRequest`.
   * @throws CodedError as `Rpc.request`; the error that the leader answered this request with.
   */
  ask(leader: PeerId, request: Uint8Array, timeoutMs: number): Promise<AuthorityReply> {
    return new Promise((resolve, reject) => {
      const waiting = this.waiting.get(leader) ?? []
      if (waiting.length === 0) {
        this.waiting.set(leader, waiting)
        queueMicrotask(() => this.flush(leader))
      }
      waiting.push({ request, timeoutMs, resolve, reject })
    })
  }

  private flush(leader: PeerId): void {
    const waiting = this.waiting.get(leader) ?? []
    this.waiting.delete(leader)
    for (let first = 0; first < waiting.length; ) {
      const end = endOfBatch(waiting, first)
      void this.send(leader, waiting.slice(first, end))
      first = end
    }
  }

  private async send(leader: PeerId, batch: readonly Waiting[]): Promise<void> {
    const timeoutMs = Math.min(...batch.map((one) => one.timeoutMs))
    try {
      const body = encodeForwardBatch(batch.map(({ request }) => request))
      const replies = decodeReplyBatch(
        await this.rpc.request(leader, AUTHORITY_METHODS.request, body, timeoutMs),
      )
      for (const [at, one] of batch.entries()) settle(one, replies[at])
    } catch (thrown) {
      for (const one of batch) one.reject(toCodedError(thrown))
    }
  }
}

function settle(one: Waiting, reply: AuthorityReply | undefined): void {
  if (reply === undefined) {
    one.reject(new CodedError('wire.malformed', { what: 'authority replies', reason: 'one is missing' }))
  } else if (reply.type === 'error') {
    one.reject(CodedError.fromShape(reply))
  } else {
    one.resolve(reply)
  }
}

function endOfBatch(waiting: readonly Waiting[], first: number): number {
  let end = first
  for (let bytes = 0; end < waiting.length && end - first < LIMITS.forwardBatchMax; end++) {
    bytes += waiting[end]?.request.length ?? 0
    if (bytes > LIMITS.forwardBatchBytesMax && end > first) break
  }
  return end
}
