import type { Readable } from 'node:stream'
import { LIMITS } from '../base/index.ts'
import type { OutputStream } from './execution.ts'
import { creditOf } from './protocol.ts'

/**
 * Output of one command, from its two pipes to the node, under a window: at most `LIMITS.execWindowBytesMax`, and
 * one read more, is on the way to the reader. Beyond that the pipes are not read, they fill up, and the
 * command's next write waits: a slow reader slows the writer, and memory stays flat at both ends.
 */
export class OutputPump {
  /** Both pipes are read to their end, or were given up. */
  readonly closed: Promise<void>
  private readonly pipes: readonly Readable[]
  private unacknowledged = 0
  private writersAreDead = false
  private silentLooks = 0
  private looksLeft = Number.POSITIVE_INFINITY

  constructor(
    pipes: Readonly<Record<OutputStream, Readable>>,
    send: (stream: OutputStream, bytes: Buffer) => void,
  ) {
    this.pipes = [pipes.stdout, pipes.stderr]
    for (const stream of ['stdout', 'stderr'] as const)
      pipes[stream].on('data', (piece: Buffer) => {
        this.unacknowledged += creditOf(piece)
        this.silentLooks = 0
        send(stream, piece)
        if (this.isWindowFull) for (const pipe of this.pipes) pipe.pause()
      })
    this.closed = Promise.all(this.pipes.map(whenClosed)).then(() => undefined)
  }

  acknowledge(credit: number): void {
    const wasFull = this.isWindowFull
    this.unacknowledged -= credit
    if (wasFull && !this.isWindowFull) for (const pipe of this.pipes) pipe.resume()
  }

  /** Every process that should write is dead: what they left in the pipes is still delivered, then the pipes end. */
  drain(): Promise<void> {
    this.writersAreDead = true
    return this.closed
  }

  /** Somebody waits for the end: from now on, drains not at the pace of a slow reader. */
  hurry(looksMax: number): void {
    this.looksLeft = Math.min(this.looksLeft, looksMax)
  }

  /**
   * Called at even intervals. A pipe that is read, silent and open although all its writers are dead was handed to a
   * stranger: it would never end. Looks are counted, not time: after each the event loop has read what there was, also
   * when this process got no processor for a second.
   */
  look(): void {
    if (!this.writersAreDead) return
    this.looksLeft--
    if (!this.isWindowFull) this.silentLooks++
    if (this.silentLooks <= LIMITS.execIdleLooksMax && this.looksLeft > 0) return
    for (const pipe of this.pipes) pipe.destroy()
  }

  private get isWindowFull(): boolean {
    return this.unacknowledged >= LIMITS.execWindowBytesMax
  }
}

function whenClosed(pipe: Readable): Promise<void> {
  return new Promise((resolve) => {
    // A read error ends a pipe like its end does: it is closed right after.
    pipe.on('error', () => undefined)
    pipe.on('close', resolve)
  })
}
