import type { Readable, Writable } from 'node:stream'
import type { z } from 'zod'
import { CodedError, decode, encode, LIMITS, toCodedError } from '../base/index.ts'

/** A frame on a pipe: 4 bytes of length, big-endian, then the CBOR of one message. */
const HEADER_BYTES = 4

export class FrameWriter {
  private readonly pipe: Writable

  constructor(pipe: Writable) {
    this.pipe = pipe
  }

  /** @throws CodedError `limit.exceeded`: the message is larger than a frame may be; nothing was written. */
  write(message: object): void {
    const [header, body] = partsOf(message)
    if (!this.pipe.writable) return
    this.pipe.cork()
    this.pipe.write(header)
    this.pipe.write(body)
    this.pipe.uncork()
  }

  /** Resolves when everything written so far is with the system, or the pipe is closed. */
  flushed(): Promise<void> {
    return new Promise((resolve) => this.pipe.write('', () => resolve()))
  }

  /** What the system has not taken yet. */
  get queuedBytes(): number {
    return this.pipe.writableLength
  }
}

/** One frame as one piece, to be written by somebody else. @throws CodedError `limit.exceeded` */
export function frameOf(message: object): Uint8Array {
  return Buffer.concat(partsOf(message))
}

function partsOf(message: object): readonly [header: Uint8Array, body: Uint8Array] {
  const body = encode(message)
  if (body.length > LIMITS.execFrameBytesMax) throw tooLarge(body.length)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32BE(body.length)
  return [header, body]
}

/** What `frameOf` made, from a stream of bytes. */
export function framesIn(onFrame: (frame: Uint8Array) => void): (piece: Buffer) => void {
  const frames = new FrameSplitter()
  return (piece) => frames.push(piece, onFrame)
}

/**
 * Calls `onMessage` for each frame of `pipe`, and `onMalformed` once at the first bytes that are none; what
 * follows them is thrown away.
 */
export function readFrames<Schema extends z.ZodType>(
  pipe: Readable,
  schema: Schema,
  onMessage: (message: z.output<Schema>) => void,
  onMalformed: (error: CodedError) => void,
): void {
  const frames = new FrameSplitter()
  let malformed = false
  pipe.on('data', (piece: Buffer) => {
    if (malformed) return
    const messages: z.output<Schema>[] = []
    let error: CodedError | undefined
    try {
      frames.push(piece, (frame) => messages.push(decode(schema, frame, 'guardian message')))
    } catch (thrown) {
      malformed = true
      error = toCodedError(thrown)
    }
    for (const message of messages) onMessage(message)
    if (error !== undefined) onMalformed(error)
  })
}

class FrameSplitter {
  private pieces: Buffer[] = []
  private length = 0
  /** Bytes of the frame at the front, as far as known: below that there is nothing to look at. */
  private wanted = HEADER_BYTES

  push(piece: Buffer, onFrame: (frame: Buffer) => void): void {
    this.pieces.push(piece)
    this.length += piece.length
    if (this.length < this.wanted) return
    let bytes = this.pieces.length === 1 ? piece : Buffer.concat(this.pieces, this.length)
    for (;;) {
      this.wanted = frameBytes(bytes)
      if (bytes.length < this.wanted) break
      onFrame(bytes.subarray(HEADER_BYTES, this.wanted))
      bytes = bytes.subarray(this.wanted)
    }
    this.pieces = [bytes]
    this.length = bytes.length
  }
}

function frameBytes(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) return HEADER_BYTES
  const size = bytes.readUInt32BE(0)
  if (size > LIMITS.execFrameBytesMax) throw tooLarge(size)
  return HEADER_BYTES + size
}

function tooLarge(got: number): CodedError {
  return new CodedError('limit.exceeded', {
    what: 'the message to the guardian, in bytes,',
    got,
    max: LIMITS.execFrameBytesMax,
  })
}
