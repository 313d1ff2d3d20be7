import { framesIn } from '../frames.ts'

/**
 * One output of a host during one call: what the handler prints, up to the mark of the call, and on `stdout` the frame of its
 * result behind it. What comes after that belongs to nobody.
 */
export class MarkedOutput {
  private readonly mark: Buffer
  /** The end of what was read, as far as the mark could begin with it. */
  private held: Buffer = Buffer.alloc(0)
  private isMarked = false
  private readonly readFrame: (piece: Buffer) => void
  private frame: Uint8Array | undefined

  constructor(mark: Buffer) {
    this.mark = mark
    this.readFrame = framesIn((frame) => {
      this.frame ??= frame
    })
  }

  /** The mark has come. */
  get isOver(): boolean {
    return this.isMarked
  }

  /** What stood behind the mark, when it is complete. */
  get result(): Uint8Array | undefined {
    return this.frame
  }

  /** @returns what of it is output. @throws CodedError `limit.exceeded`: no result can be that large. */
  push(chunk: Uint8Array): Uint8Array {
    if (this.isMarked) {
      this.readFrame(Buffer.from(chunk))
      return EMPTY
    }
    const bytes =
      this.held.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([this.held, chunk])
    const at = bytes.indexOf(this.mark)
    if (at >= 0) {
      this.isMarked = true
      this.held = EMPTY
      this.readFrame(bytes.subarray(at + this.mark.length))
      return bytes.subarray(0, at)
    }
    const end = bytes.length - this.possibleBegin(bytes)
    this.held = bytes.subarray(end)
    return bytes.subarray(0, end)
  }

  /** What is held back turned out to be output, since nothing follows. */
  rest(): Uint8Array {
    return this.held
  }

  /** Bytes at the end with which the mark could begin. */
  private possibleBegin(bytes: Buffer): number {
    for (let length = Math.min(this.mark.length - 1, bytes.length); length > 0; length--)
      if (bytes.subarray(bytes.length - length).equals(this.mark.subarray(0, length))) return length
    return 0
  }
}

const EMPTY = Buffer.alloc(0)
