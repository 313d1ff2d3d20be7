/**
 * What one peer has made us hold on one protocol: messages that are with a handler or wait for one.
 *
 * It outlives streams and connections: a peer that resets its stream or connects anew gets only as much credit as
 * is left, so the memory it can take is one window however it behaves.
 */
import { assert } from '../base/index.ts'

export class ReceiveWindow {
  readonly bytesMax: number
  private heldBytes = 0
  private listener: (() => void) | undefined

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get held(): number {
    return this.heldBytes
  }

  hold(bytes: number): void {
    this.heldBytes += bytes
  }

  release(bytes: number): void {
    assert(bytes <= this.heldBytes, 'no more is released than was held')
    this.heldBytes -= bytes
    this.listener?.()
  }

  /** The stream that passes credit on; there is one at a time. */
  onRelease(listener: () => void): void {
    this.listener = listener
  }
}
