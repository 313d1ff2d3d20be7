/**
 * Sending to one peer on one protocol, over one connection.
 *
 * Owns the bounded queue and a libp2p stream that it opens, and opens again after a reset. A frame is written only
 * when the receiver's credit pays for it and libp2p wants more, so what libp2p buffers is bounded by one window.
 * Small messages of one turn of the event loop leave in one write.
 *
 * What was queued or half written when a stream died is dropped and counted: the receiver may or may not have
 * seen the last messages, so every protocol retries by its own rules (Raft, request ids, journals) and needs no
 * second mechanism here that would only look like a guarantee.
 */
import type { Stream } from '@libp2p/interface'
import { CodedError, LIMITS, type Logger, type Random } from '../base/index.ts'
import { backoffMs } from './backoff.ts'
import type { Counters } from './counters.ts'
import { reasonOf } from './failure.ts'
import { CreditAccount, type CreditViolation, encodeFrames } from './frame.ts'
import type { NetSettings } from './settings.ts'

interface OutboundStreamInit {
  /** Opens a negotiated stream on the connection. */
  readonly open: (signal: AbortSignal) => Promise<Stream>
  readonly settings: NetSettings
  readonly random: Random
  readonly counters: Counters
  readonly logger: Logger
  /** The receiver has answered on the present stream: it admits us and reads. */
  readonly onReady: () => void
  /** The receiver broke the rules of credit. The stream has been reset. */
  readonly onViolation: (violation: CreditViolation) => void
  /** The stream could not be opened `reopenAttemptsMax` times in a row. */
  readonly onHopeless: (reason: string) => void
}

export class OutboundStream {
  private readonly init: OutboundStreamInit
  private readonly queue: Uint8Array[] = []
  private queuedBytes = 0
  private stream: Stream | undefined
  private account: CreditAccount
  private failures = 0
  private timer: NodeJS.Timeout | undefined
  private isFlushing = false
  private isClosed = false

  constructor(init: OutboundStreamInit) {
    this.init = init
    this.account = new CreditAccount(LIMITS.peerCreditBytesMax)
  }

  open(): void {
    void this.attach()
  }

  /** Takes `message`, which must not change afterwards, or says that the queue is at its limit. */
  send(message: Uint8Array): 'queued' | 'full' {
    const { queueMessagesMax, queueBytesMax } = this.init.settings
    const isFull =
      this.queue.length >= queueMessagesMax || this.queuedBytes + message.byteLength > queueBytesMax
    if (isFull) {
      this.init.counters.count('queueFull')
      return 'full'
    }
    this.queue.push(message)
    this.queuedBytes += message.byteLength
    this.flushSoon()
    return 'queued'
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    clearTimeout(this.timer)
    this.detach('the connection closed')
  }

  private async attach(): Promise<void> {
    const { open, settings } = this.init
    try {
      const stream = await open(AbortSignal.timeout(settings.confirmTimeoutMs))
      if (this.isClosed) {
        stream.abort(new CodedError('operation.cancelled', { what: 'opening a stream' }))
        return
      }
      this.listen(stream)
    } catch (failure) {
      this.retry(reasonOf(failure))
    }
  }

  private listen(stream: Stream): void {
    const isCurrent = () => this.stream === stream
    this.stream = stream
    this.account = new CreditAccount(LIMITS.peerCreditBytesMax)
    stream.addEventListener('message', ({ data }) => {
      if (isCurrent()) this.onCredit(data.subarray())
    })
    stream.addEventListener('drain', () => {
      if (isCurrent()) this.flushSoon()
    })
    stream.addEventListener('remoteCloseWrite', () => {
      if (isCurrent()) this.retry('the receiver ended the stream')
    })
    stream.addEventListener('close', ({ error }) => {
      if (isCurrent()) this.retry(error === undefined ? 'the stream closed' : reasonOf(error))
    })
    this.timer = setTimeout(
      () => this.retry('the receiver did not answer'),
      this.init.settings.confirmTimeoutMs,
    )
    if (stream.status !== 'open') this.retry(`the stream is ${stream.status}`)
  }

  private onCredit(words: Uint8Array): void {
    const wasOpen = this.account.isOpen
    const violation = this.account.push(words)
    if (violation !== undefined) {
      this.retry(violation)
      this.init.onViolation(violation)
      return
    }
    if (!this.account.isOpen) return
    if (!wasOpen) {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.onStable(), this.init.settings.stableMs)
      this.init.onReady()
    }
    this.flushSoon()
  }

  /** Only a stream that lives for a while ends the count, so that a peer that resets every stream is hung up on. */
  private onStable(): void {
    this.failures = 0
  }

  private flushSoon(): void {
    if (this.isFlushing || this.stream === undefined) return
    this.isFlushing = true
    queueMicrotask(() => {
      this.isFlushing = false
      this.flush()
    })
  }

  private flush(): void {
    while (this.stream !== undefined && this.account.isOpen && !this.stream.writableNeedsDrain) {
      const messages = this.takeAffordable()
      if (messages.length === 0) return
      try {
        this.stream.send(encodeFrames(messages))
        this.init.counters.count('messagesSent', messages.length)
      } catch (failure) {
        this.init.counters.count('messagesDropped', messages.length)
        this.retry(reasonOf(failure))
      }
    }
  }

  /** The head of the queue: as much as one write and the credit take, at least one message if it can be paid. */
  private takeAffordable(): readonly Uint8Array[] {
    let count = 0
    let bytes = 0
    for (const message of this.queue) {
      if (count > 0 && bytes + message.byteLength > LIMITS.peerWriteBytesMax) break
      if (!this.account.canPay(message.byteLength)) break
      this.account.pay(message.byteLength)
      bytes += message.byteLength
      count += 1
    }
    this.queuedBytes -= bytes
    return this.queue.splice(0, count)
  }

  /** The present stream, or the attempt to get one, has failed. */
  private retry(reason: string): void {
    if (this.isClosed) return
    clearTimeout(this.timer)
    this.detach(reason)
    this.failures += 1
    const { settings, random, logger } = this.init
    logger.debug({ reason, failures: this.failures }, 'an outbound stream ended')
    if (this.failures >= settings.reopenAttemptsMax) {
      this.init.onHopeless(reason)
      return
    }
    const pauseMs = backoffMs(random, this.failures, settings.reopenMsMin, settings.reopenMsMax)
    this.timer = setTimeout(() => {
      this.init.counters.count('streamsReopened')
      void this.attach()
    }, pauseMs)
  }

  private detach(reason: string): void {
    const stream = this.stream
    this.stream = undefined
    if (this.queue.length > 0) this.init.counters.count('messagesDropped', this.queue.length)
    this.queue.length = 0
    this.queuedBytes = 0
    if (stream?.status === 'open' || stream?.status === 'closing')
      stream.abort(new CodedError('operation.cancelled', { what: `the stream (${reason})` }))
  }
}
