/**
 * Puts a snapshot together from its chunks. One at a time, whoever it comes from: there is one leader, and what an earlier one
 * began is of no use once the next begins. Nothing is set aside for what a peer only announces.
 */
import { LIMITS, type PeerId } from '../base/index.ts'
import type { SnapshotFrame } from './snapshot-frames.ts'

type Chunk = Extract<SnapshotFrame, { readonly type: 'chunk' }>

interface Assembly {
  readonly from: PeerId
  readonly transfer: number
  readonly total: number
  readonly parts: Uint8Array[]
  received: number
}

export class SnapshotReceiver {
  private assembly: Assembly | undefined

  /** The whole message, when this chunk was its last; `refused` when the chunk cannot be used. */
  take(from: PeerId, chunk: Chunk): Uint8Array | 'incomplete' | 'refused' {
    const { transfer, total, offset, bytes } = chunk
    if (offset === 0 && total <= LIMITS.snapshotBytesMax)
      this.assembly = { from, transfer, total, parts: [], received: 0 }
    const { assembly } = this
    const continues =
      assembly?.from === from &&
      assembly.transfer === transfer &&
      assembly.total === total &&
      assembly.received === offset &&
      offset + bytes.byteLength <= total
    if (!continues) return 'refused'
    assembly.parts.push(bytes)
    assembly.received += bytes.byteLength
    if (assembly.received < total) return 'incomplete'
    this.assembly = undefined
    return Buffer.concat(assembly.parts)
  }

  /** The connection closed: the rest will not come. */
  forget(from: PeerId): void {
    if (this.assembly?.from === from) this.assembly = undefined
  }
}
