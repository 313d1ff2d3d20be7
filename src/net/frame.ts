/**
 * Messages on a stream, as bytes. Pure.
 *
 * Sender to receiver: frames, each a length (unsigned, 32 bits, big endian, never 0) and the message. Receiver
 * to sender, on the same stream: credit words (unsigned, 32 bits, big endian). The first word says "admitted and
 * ready" and may be 0; each later one gives back what handled messages have cost. A frame costs its message
 * and `FRAME_COST_BYTES`; a sender may only begin a frame that it can pay for. Together this bounds what a
 * receiver holds, whatever the sender does, and needs nothing of the stream below but order (js-libp2p's own
 * back-pressure cannot be trusted, see ADR 1).
 *
 * Rejected: varint lengths (nothing gained at a few bytes per message), a credit in messages (their sizes differ by
 * 10⁵), credit per stream (a sender would get a new window with every reset).
 */
import { assert } from '../base/index.ts'

const LENGTH_BYTES = 4
const CREDIT_WORD_BYTES = 4

/** What a message costs beyond its bytes: the length, and about what a small message takes in memory while it waits. */
const FRAME_COST_BYTES = 128

export const frameCost = (messageBytes: number): number => messageBytes + FRAME_COST_BYTES

/** `messages` as one run of frames. */
export function encodeFrames(messages: readonly Uint8Array[]): Uint8Array {
  let bytes = 0
  for (const message of messages) bytes += LENGTH_BYTES + message.byteLength
  const run = new Uint8Array(bytes)
  const view = new DataView(run.buffer)
  let at = 0
  for (const message of messages) {
    assert(message.byteLength > 0, 'a message has at least one byte')
    view.setUint32(at, message.byteLength)
    run.set(message, at + LENGTH_BYTES)
    at += LENGTH_BYTES + message.byteLength
  }
  return run
}

export type FrameViolation = 'zero_length' | 'too_long' | 'no_credit'

interface Parsed {
  /** Complete messages, in order, each in memory of its own. */
  readonly messages: readonly Uint8Array[]
  /** Set when the bytes after `messages` break the rules; nothing may be pushed after it. */
  readonly violation?: FrameViolation
}

/** Takes frames apart in whatever pieces they come, and keeps the account of the sender's credit. */
export class FrameParser {
  private readonly messageBytesMax: number
  private readonly head = new Uint8Array(LENGTH_BYTES)
  private headFilled = 0
  private body: Uint8Array | undefined
  private bodyFilled = 0
  private creditLeft = 0

  constructor(messageBytesMax: number) {
    this.messageBytesMax = messageBytesMax
  }

  /** Bytes that the sender may still spend. */
  get credit(): number {
    return this.creditLeft
  }

  /** What the frame under way has cost; 0 between frames. */
  get underWay(): number {
    return this.body === undefined ? 0 : frameCost(this.body.byteLength)
  }

  /** True inside a frame: an end of the stream here cuts a message off. */
  get isMidFrame(): boolean {
    return this.headFilled > 0 || this.body !== undefined
  }

  grant(bytes: number): void {
    this.creditLeft += bytes
  }

  push(chunk: Uint8Array): Parsed {
    const messages: Uint8Array[] = []
    let at = 0
    while (at < chunk.byteLength) {
      if (this.body === undefined) {
        at += this.fillHead(chunk, at)
        if (this.headFilled < LENGTH_BYTES) break
        const violation = this.beginBody()
        if (violation !== undefined) return { messages, violation }
        continue
      }
      at += this.fillBody(this.body, chunk, at)
      if (this.bodyFilled < this.body.byteLength) break
      messages.push(this.body)
      this.body = undefined
    }
    return { messages }
  }

  private fillHead(chunk: Uint8Array, at: number): number {
    const taken = Math.min(LENGTH_BYTES - this.headFilled, chunk.byteLength - at)
    this.head.set(chunk.subarray(at, at + taken), this.headFilled)
    this.headFilled += taken
    return taken
  }

  private fillBody(body: Uint8Array, chunk: Uint8Array, at: number): number {
    const taken = Math.min(body.byteLength - this.bodyFilled, chunk.byteLength - at)
    body.set(chunk.subarray(at, at + taken), this.bodyFilled)
    this.bodyFilled += taken
    return taken
  }

  /** The length is known: checked and paid for before any memory is taken. */
  private beginBody(): FrameViolation | undefined {
    const length = new DataView(this.head.buffer).getUint32(0)
    if (length === 0) return 'zero_length'
    if (length > this.messageBytesMax) return 'too_long'
    if (frameCost(length) > this.creditLeft) return 'no_credit'
    this.creditLeft -= frameCost(length)
    this.headFilled = 0
    this.body = new Uint8Array(length)
    this.bodyFilled = 0
    return undefined
  }
}

export function encodeCredit(bytes: number): Uint8Array {
  const word = new Uint8Array(CREDIT_WORD_BYTES)
  new DataView(word.buffer).setUint32(0, bytes)
  return word
}

export type CreditViolation = 'zero_credit' | 'too_much_credit'

/** The sender's account: reads credit words and pays for frames. */
export class CreditAccount {
  private readonly creditBytesMax: number
  private readonly word = new Uint8Array(CREDIT_WORD_BYTES)
  private wordFilled = 0
  private left = 0
  private opened = false

  constructor(creditBytesMax: number) {
    this.creditBytesMax = creditBytesMax
  }

  /** True once the first word has come: the receiver admits us and reads. */
  get isOpen(): boolean {
    return this.opened
  }

  get credit(): number {
    return this.left
  }

  push(chunk: Uint8Array): CreditViolation | undefined {
    for (const byte of chunk) {
      this.word[this.wordFilled] = byte
      this.wordFilled += 1
      if (this.wordFilled < CREDIT_WORD_BYTES) continue
      this.wordFilled = 0
      const granted = new DataView(this.word.buffer).getUint32(0)
      if (granted === 0 && this.opened) return 'zero_credit'
      this.opened = true
      this.left += granted
      if (this.left > this.creditBytesMax) return 'too_much_credit'
    }
    return undefined
  }

  canPay(messageBytes: number): boolean {
    return frameCost(messageBytes) <= this.left
  }

  pay(messageBytes: number): void {
    assert(this.canPay(messageBytes), 'a frame is paid for before it is written')
    this.left -= frameCost(messageBytes)
  }
}
