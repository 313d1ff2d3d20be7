/**
 * Receiving from one peer on one protocol.
 *
 * Bytes are taken apart in the `message` event itself, never through libp2p's queues, which grow without bound.
 * Handlers are called in the order of arrival and do not wait for each other; what they hold is bounded by
 * the window, because a message's cost goes back to the sender only when its handler has settled. Credit goes back
 * in quarters of the window: three quarters hold the largest message, so a sender with nothing outstanding can always
 * send, and a busy one sees few credit words.
 *
 * Messages that arrive before the connection is confirmed from our side too are kept (in the window) until then,
 * so no message of a peer comes before its `connected` event.
 */
import type { Stream } from '@libp2p/interface'
import { assert, CodedError } from '../base/index.ts'
import { encodeCredit, FrameParser, type FrameViolation, frameCost } from './frame.ts'
import type { ReceiveWindow } from './receive-window.ts'

export type InboundViolation = FrameViolation | 'cut_off'

interface InboundStreamInit {
  readonly stream: Stream
  readonly window: ReceiveWindow
  readonly messageBytesMax: number
  /** Called once per message; its promise must not reject. */
  readonly deliver: (message: Uint8Array) => void | Promise<void>
  /** The sender broke the rules. The stream has been reset. */
  readonly onViolation: (violation: InboundViolation) => void
}

export class InboundStream {
  private readonly init: InboundStreamInit
  private readonly parser: FrameParser
  private readonly waiting: Uint8Array[] = []
  private isDelivering = false
  private isClosed = false

  constructor(init: InboundStreamInit) {
    const { bytesMax } = init.window
    assert(
      frameCost(init.messageBytesMax) <= (bytesMax * 3) / 4,
      'three quarters of the window hold a message',
    )
    this.init = init
    this.parser = new FrameParser(init.messageBytesMax)
  }

  /** Says to the sender that it may send. */
  open(): void {
    const { stream, window } = this.init
    stream.addEventListener('message', ({ data }) => {
      if (data instanceof Uint8Array) this.onBytes(data)
      else for (const chunk of data) this.onBytes(chunk)
    })
    stream.addEventListener('remoteCloseWrite', () => this.onEnd())
    stream.addEventListener('close', () => this.close())
    window.onRelease(() => this.giveCredit())
    this.grant(this.owed())
  }

  /** From now on messages go to the handler. */
  startDelivery(): void {
    this.isDelivering = true
    for (const message of this.waiting.splice(0)) this.accept(message)
  }

  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const message of this.waiting.splice(0)) this.init.window.release(frameCost(message.byteLength))
    const { stream } = this.init
    if (stream.status === 'open' || stream.status === 'closing')
      stream.abort(new CodedError('operation.cancelled', { what: 'the stream' }))
  }

  private onBytes(chunk: Uint8Array): void {
    if (this.isClosed) return
    const { messages, violation } = this.parser.push(chunk)
    for (const message of messages) this.init.window.hold(frameCost(message.byteLength))
    for (const message of messages) this.accept(message)
    if (violation !== undefined) this.refuse(violation)
  }

  private accept(message: Uint8Array): void {
    if (this.isClosed) this.init.window.release(frameCost(message.byteLength))
    else if (this.isDelivering) this.deliver(message)
    else this.waiting.push(message)
  }

  private deliver(message: Uint8Array): void {
    const cost = frameCost(message.byteLength)
    const { window, deliver } = this.init
    const handled = deliver(message)
    if (handled === undefined) window.release(cost)
    else void handled.then(() => window.release(cost))
  }

  private onEnd(): void {
    if (this.isClosed) return
    if (this.parser.isMidFrame) this.refuse('cut_off')
    else this.close()
  }

  private refuse(violation: InboundViolation): void {
    if (this.isClosed) return
    this.close()
    this.init.onViolation(violation)
  }

  /** What the window has and the sender does not know of. */
  private owed(): number {
    const { window } = this.init
    return Math.max(0, window.bytesMax - window.held - this.parser.credit - this.parser.underWay)
  }

  private giveCredit(): void {
    const owed = this.owed()
    if (!this.isClosed && owed >= this.init.window.bytesMax / 4) this.grant(owed)
  }

  private grant(bytes: number): void {
    this.parser.grant(bytes)
    try {
      this.init.stream.send(encodeCredit(bytes))
    } catch {
      // The stream ended between the event that brought us here and this line; the peer will open another.
      this.close()
    }
  }
}
