import { LIMITS } from '../base/index.ts'
import type { OutputPiece } from '../task/index.ts'
import type { AttemptOutput, SendOutput } from './attempt-output.ts'

/**
 * Output of an attached attempt: a window in memory, kept until it is acknowledged so that it can be repeated after a reconnect. When
 * it is full the command waits, and so its pipe fills: a slow reader slows the writer.
 */
export class OutputWindow implements AttemptOutput {
  private readonly send: SendOutput
  private readonly unacknowledged: OutputPiece[] = []
  private takenBytes = 0
  private acknowledgedBytes = 0
  private readonly waiters: (() => void)[] = []
  private isClosed = false

  constructor(send: SendOutput) {
    this.send = send
  }

  get totalBytes(): number {
    return this.takenBytes
  }

  async take(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void> {
    while (!this.isClosed && !this.hasRoom(chunk.length)) {
      await new Promise<void>((resolve) => this.waiters.push(resolve))
    }
    const piece = { stream, offset: this.takenBytes, chunk }
    // Of a command that is being stopped the last words are taken as far as there is room.
    const isDropped = !this.hasRoom(chunk.length)
    this.takenBytes += chunk.length
    if (isDropped) return
    this.unacknowledged.push(piece)
    this.send(piece)
  }

  acknowledge(bytes: number): void {
    this.acknowledgedBytes = Math.max(this.acknowledgedBytes, Math.min(bytes, this.takenBytes))
    for (let first = this.unacknowledged[0]; first !== undefined; first = this.unacknowledged[0]) {
      if (first.offset + first.chunk.length > this.acknowledgedBytes) break
      this.unacknowledged.shift()
    }
    this.wake()
  }

  repeat(): void {
    for (const piece of this.unacknowledged) this.send(piece)
  }

  whenSent(done: () => void): void {
    done()
  }

  close(): void {
    this.isClosed = true
    this.wake()
  }

  giveUp(): void {
    this.unacknowledged.length = 0
    this.close()
  }

  /** One piece always fits, however large. */
  private hasRoom(bytes: number): boolean {
    const inFlight = this.takenBytes - this.acknowledgedBytes
    return inFlight === 0 || inFlight + bytes <= LIMITS.outputWindowBytesMax
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve()
  }
}
