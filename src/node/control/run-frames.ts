/**
 * An answer that goes on (`run`, `logs`, `events --follow`): a row of frames, each a kind (1 byte), a length (4 bytes, big-endian) and
 * a payload. Output crosses as the bytes that the command wrote; all else is JSON. Rejected: NDJSON, which would cost every
 * byte of output a third more as base64 and a scan for line ends.
 */
import { assert, CodedError, LIMITS } from '../../base/index.ts'

export type FrameKind = 'event' | 'stdout' | 'stderr' | 'error'

export interface Frame {
  readonly kind: FrameKind
  readonly payload: Uint8Array
}

const CODES: Readonly<Record<FrameKind, number>> = { event: 1, stdout: 2, stderr: 3, error: 4 }
const KINDS = new Map(Object.entries(CODES).map(([kind, code]) => [code, kind as FrameKind]))
const HEADER_BYTES = 5

export function encodeFrame(kind: FrameKind, payload: string | Uint8Array): Uint8Array {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  assert(body.length <= LIMITS.controlFrameBytesMax, 'a control frame fits its limit')
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  frame.writeUInt8(CODES[kind], 0)
  frame.writeUInt32BE(body.length, 1)
  frame.set(body, HEADER_BYTES)
  return frame
}

/**
 * The frames of a stream. Holds at most one frame and one chunk of the stream. An incomplete last frame is dropped:
 * whether the end was due is for the reader to know.
 * @throws CodedError `wire.malformed`
 */
export async function* decodeFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let pending: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    pending =
      pending.length === 0
        ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
        : Buffer.concat([pending, chunk])
    while (pending.length >= HEADER_BYTES) {
      const kind = KINDS.get(pending.readUInt8(0))
      const length = pending.readUInt32BE(1)
      if (kind === undefined) throw malformed('unknown kind of frame')
      if (length > LIMITS.controlFrameBytesMax) throw malformed(`a frame of ${length} bytes`)
      if (pending.length < HEADER_BYTES + length) break
      yield { kind, payload: pending.subarray(HEADER_BYTES, HEADER_BYTES + length) }
      pending = pending.subarray(HEADER_BYTES + length)
    }
  }
}

function malformed(reason: string): CodedError {
  return new CodedError('wire.malformed', { what: 'answer of the node', reason })
}
