import type { Readable } from 'node:stream'
import { KiB, LIMITS } from '../base/index.ts'
import type { OutputStream } from './execution.ts'
import { creditOf } from './protocol.ts'

/** What the kernel keeps in a pipe, and so the most that one read brings. */
const PIECE_BYTES = 64 * KiB

/**
 * Output of one command, from its two pipes to the node, under a window: at most `LIMITS.execWindowBytesMax`, and
 * one read more, is on the way to the reader. Beyond that the pipes are not read, they fill up, and the
 * command's next write waits: a slow reader slows the writer, and memory stays flat at both ends.
 *
 * A piece leaves at once when none is on the way; otherwise it waits for the reader to take those, or until `PIECE_BYTES` have come
 * together (as in RFC 896). Every piece costs the same at each of the six places that it passes, and many commands print a line at a time.
 */
export class OutputPump {
  /** Both pipes are read to their end, or were given up. */
  readonly closed: Promise<void>
  private readonly pipes: readonly Readable[]
  private readonly send: (stream: OutputStream, bytes: Buffer) => void
  private unacknowledged = 0
  /** Read, of one stream, and not sent yet; empty while nothing is on the way. */
  private gathered: Buffer[] = []
  private gatheredCredit = 0
  private gatheredFrom: OutputStream = 'stdout'
  private writersAreDead = false
  private silentLooks = 0
  private looksLeft = Number.POSITIVE_INFINITY

  constructor(
    pipes: Readonly<Record<OutputStream, Readable>>,
    send: (stream: OutputStream, bytes: Buffer) => void,
  ) {
    this.send = send
    this.pipes = [pipes.stdout, pipes.stderr]
    for (const stream of ['stdout', 'stderr'] as const)
      pipes[stream].on('data', (piece: Buffer) => {
        this.silentLooks = 0
        this.gather(stream, piece)
        if (this.isWindowFull) for (const pipe of this.pipes) pipe.pause()
      })
    this.closed = Promise.all(this.pipes.map(whenClosed)).then(() => this.sendGathered())
  }

  acknowledge(credit: number): void {
    const wasFull = this.isWindowFull
    this.unacknowledged -= credit
    if (this.unacknowledged === 0) this.sendGathered()
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

  private gather(stream: OutputStream, piece: Buffer): void {
    if (stream !== this.gatheredFrom) this.sendGathered()
    this.gatheredFrom = stream
    this.gathered.push(piece)
    this.gatheredCredit += creditOf(piece)
    if (this.unacknowledged === 0 || this.gatheredCredit >= PIECE_BYTES) this.sendGathered()
  }

  private sendGathered(): void {
    const [first] = this.gathered
    if (first === undefined) return
    const piece = this.gathered.length === 1 ? first : Buffer.concat(this.gathered)
    this.gathered = []
    this.gatheredCredit = 0
    this.unacknowledged += creditOf(piece)
    this.send(this.gatheredFrom, piece)
  }

  private get isWindowFull(): boolean {
    return this.unacknowledged + this.gatheredCredit >= LIMITS.execWindowBytesMax
  }
}

function whenClosed(pipe: Readable): Promise<void> {
  return new Promise((resolve) => {
    // A read error ends a pipe like its end does: it is closed right after.
    pipe.on('error', () => undefined)
    pipe.on('close', resolve)
  })
}
