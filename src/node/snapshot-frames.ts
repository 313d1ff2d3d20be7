/** What two nodes say to each other while one sends a snapshot: CBOR lists, checked by zod. */
import { z } from 'zod'
import { bytesSchema, decode, encode, LIMITS } from '../base/index.ts'

const count = z.int().nonnegative()
const frameSchema = z.union([
  z
    .tuple([z.literal('chunk'), count, count, count, bytesSchema])
    .transform(([type, transfer, total, offset, bytes]) => ({ type, transfer, total, offset, bytes })),
  z.tuple([z.literal('refused'), count]).transform(([type, transfer]) => ({ type, transfer })),
])

export type SnapshotFrame =
  /** Bytes of the encoded message from `offset` on; `total` of them in all. */
  | {
      readonly type: 'chunk'
      readonly transfer: number
      readonly total: number
      readonly offset: number
      readonly bytes: Uint8Array
    }
  /** The receiver has no use for the transfer, or lost a part of it. */
  | { readonly type: 'refused'; readonly transfer: number }

export function encodeSnapshotFrame(frame: SnapshotFrame): Uint8Array {
  return frame.type === 'refused'
    ? encode([frame.type, frame.transfer])
    : encode([frame.type, frame.transfer, frame.total, frame.offset, frame.bytes])
}

/** @throws CodedError `wire.malformed` */
export function decodeSnapshotFrame(bytes: Uint8Array): SnapshotFrame {
  return decode(frameSchema, bytes, 'snapshot frame')
}

/** The part of `message` that begins at `offset`. */
export function chunkAt(transfer: number, message: Uint8Array, offset: number): SnapshotFrame {
  const bytes = message.subarray(offset, offset + LIMITS.snapshotChunkBytesMax)
  return { type: 'chunk', transfer, total: message.byteLength, offset, bytes }
}
