/**
 * How output lies in a segment file: frame after frame, nothing else.
 *
 *     check (4)    CRC-32 of what follows
 *     word (4)     stream (8 bits: 1 stdout, 2 stderr) and length (24 bits)
 *     payload      1 … `LIMITS.outputFrameBytesMax` bytes, as the command wrote them
 *
 * Neighbours of one stream that are written together share a frame, so that a command which prints byte by byte does not cost nine
 * bytes for each. The check is zlib's CRC-32, as in the records of the store: CRC-32C in JavaScript does 210 MB/s, this 4,600.
 */
import { crc32 } from 'node:zlib'
import { LIMITS } from '../base/index.ts'
import type { OutputPiece } from '../task/index.ts'

export const FRAME_HEADER_BYTES = 8
const STREAM_SHIFT = 24
const LENGTH_MASK = 0xff_ffff
const CODES = { stdout: 1, stderr: 2 } as const
const STREAMS: readonly (OutputPiece['stream'] | undefined)[] = [undefined, 'stdout', 'stderr']

export interface Printed {
  readonly stream: OutputPiece['stream']
  readonly chunk: Uint8Array
}

/** What goes to the disk, without a copy of the output: headers and chunks in turn. */
export function encodeFrames(printed: readonly Printed[]): readonly Uint8Array[] {
  const parts: Uint8Array[] = []
  let frame: { stream: OutputPiece['stream']; chunks: Uint8Array[]; bytes: number } | undefined
  const finish = (): void => {
    if (frame !== undefined) parts.push(headerOf(frame.stream, frame.chunks, frame.bytes), ...frame.chunks)
    frame = undefined
  }
  for (const { stream, chunk } of printed)
    for (let at = 0; at < chunk.length; ) {
      if (frame?.stream !== stream || frame.bytes === LIMITS.outputFrameBytesMax) finish()
      frame ??= { stream, chunks: [], bytes: 0 }
      const part = chunk.subarray(at, at + LIMITS.outputFrameBytesMax - frame.bytes)
      frame.chunks.push(part)
      frame.bytes += part.length
      at += part.length
    }
  finish()
  return parts
}

/** The frame that begins at `at`; `undefined` when there is no whole and sound one. Its chunk is part of `bytes`. */
export function decodeFrame(bytes: Buffer, at: number): Printed | undefined {
  if (bytes.length < at + FRAME_HEADER_BYTES) return undefined
  const word = bytes.readUInt32BE(at + 4)
  const stream = STREAMS[word >>> STREAM_SHIFT]
  const length = word & LENGTH_MASK
  if (stream === undefined || length === 0 || length > LIMITS.outputFrameBytesMax) return undefined
  const end = at + FRAME_HEADER_BYTES + length
  if (bytes.length < end || crc32(bytes.subarray(at + 4, end)) !== bytes.readUInt32BE(at)) return undefined
  return { stream, chunk: bytes.subarray(at + FRAME_HEADER_BYTES, end) }
}

function headerOf(stream: OutputPiece['stream'], chunks: readonly Uint8Array[], bytes: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES)
  header.writeUInt32BE(((CODES[stream] << STREAM_SHIFT) | bytes) >>> 0, 4)
  let check = crc32(header.subarray(4))
  for (const chunk of chunks) check = crc32(chunk, check)
  header.writeUInt32BE(check, 0)
  return header
}
