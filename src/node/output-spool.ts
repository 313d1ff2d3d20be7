/**
 * Output of a detached attempt: a log on disk, so that the command goes on while its submitter is away. It is sent from there with
 * the same window and the same acknowledgements as any other. Beyond the bound of the log its oldest output goes; the submitter
 * sees the gap, because the next piece has a later offset.
 *
 * A command that prints nothing has no log. After a restart of the node the log is opened when there is somebody to send it to.
 * What the submitter has already is not kept on disk: its first acknowledgement says it, at the cost of one window sent twice.
 */
import { type CodedError, LIMITS, toCodedError } from '../base/index.ts'
import type { OutputLog, OutputPiece } from '../task/index.ts'
import type { AttemptOutput, SendOutput } from './attempt-output.ts'

interface OutputSpoolInit {
  /** Opens the log of this attempt. */
  readonly open: () => Promise<OutputLog>
  /** An earlier life of the node has printed something. */
  readonly isOnDisk: boolean
  readonly isConnected: () => boolean
  readonly send: SendOutput
  /** The log cannot be read or written. */
  readonly onTrouble: (error: unknown) => void
}

export class OutputSpool implements AttemptOutput {
  private readonly init: OutputSpoolInit
  private log: OutputLog | undefined
  private opening: Promise<OutputLog> | undefined
  private printedBytes = 0
  private unwrittenBytes = 0
  private failure: CodedError | undefined
  private sentBytes = 0
  private acknowledgedBytes = 0
  private trimmedBytes = 0
  private pumping = false
  private isAsked = false
  /** Changes when what is to be sent next does: what was read meanwhile is not sent. */
  private turn = 0
  private done: (() => void) | undefined
  /** Its submitter acknowledges none of it any more. */
  private isUnwanted = false

  constructor(init: OutputSpoolInit) {
    this.init = init
  }

  get totalBytes(): number {
    return this.printedBytes
  }

  /** There is something to remove. */
  get isUsed(): boolean {
    return this.init.isOnDisk || this.opening !== undefined
  }

  async take(stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void> {
    const log = await this.opened()
    this.printedBytes += chunk.length
    this.unwrittenBytes += chunk.length
    const written = this.write(log, stream, chunk)
    if (this.unwrittenBytes > LIMITS.outputWindowBytesMax) await written
    if (this.failure !== undefined) throw this.failure
  }

  /** It may have more than was sent in this life of the node. */
  acknowledge(bytes: number): void {
    const { log } = this
    if (log === undefined) return
    this.acknowledgedBytes = Math.max(this.acknowledgedBytes, Math.min(bytes, log.end))
    if (this.acknowledgedBytes > this.sentBytes) this.goOnAt(this.acknowledgedBytes)
    if (this.acknowledgedBytes - this.trimmedBytes >= LIMITS.outputWindowBytesMax) {
      this.trimmedBytes = this.acknowledgedBytes
      log.trim(this.acknowledgedBytes).catch(this.init.onTrouble)
    }
    void this.pump()
  }

  repeat(): void {
    this.done = undefined
    this.goOnAt(this.acknowledgedBytes)
    void this.pump()
  }

  whenSent(done: () => void): void {
    this.done = done
    void this.pump()
  }

  close(): void {
    // The command waits for the disk only.
  }

  giveUp(): void {
    this.isUnwanted = true
    this.turn++
    void this.pump()
  }

  /** Resolves when the log of an earlier life is open, if there is one. */
  async recover(): Promise<void> {
    if (!this.init.isOnDisk) return
    try {
      await this.opened()
    } catch (thrown) {
      this.init.onTrouble(thrown)
    }
  }

  /** Nothing is promised of output that is not acknowledged, so the command need not wait for each sync. */
  private async write(log: OutputLog, stream: OutputPiece['stream'], chunk: Uint8Array): Promise<void> {
    try {
      await log.append(stream, chunk)
    } catch (thrown) {
      this.failure ??= toCodedError(thrown)
      this.init.onTrouble(thrown)
    }
    this.unwrittenBytes -= chunk.length
    void this.pump()
  }

  private opened(): Promise<OutputLog> {
    this.opening ??= this.init.open().then((log) => {
      this.log = log
      this.printedBytes = log.end
      return log
    })
    return this.opening
  }

  private goOnAt(offset: number): void {
    this.turn++
    this.sentBytes = offset
  }

  /** Sends as much as may be under way; one at a time, and once more when it is asked for meanwhile. */
  private async pump(): Promise<void> {
    this.isAsked = true
    if (this.pumping) return
    this.pumping = true
    while (this.isAsked) {
      this.isAsked = false
      if (this.isUsed && !this.isUnwanted) await this.sendWhatIsKept()
    }
    this.pumping = false
    const { done } = this
    if (done === undefined || !this.isAllSent || !this.init.isConnected()) return
    this.done = undefined
    done()
  }

  private get isAllSent(): boolean {
    if (this.isUnwanted) return true
    return this.unwrittenBytes === 0 && this.sentBytes >= (this.log?.end ?? 0)
  }

  private async sendWhatIsKept(): Promise<void> {
    try {
      await this.sendFrom(await this.opened())
    } catch (thrown) {
      // The submitter sees the gap; the result is not held up by what cannot be read.
      this.init.onTrouble(thrown)
      this.goOnAt(this.log?.end ?? 0)
    }
  }

  private async sendFrom(log: OutputLog): Promise<void> {
    while (this.init.isConnected() && !this.isUnwanted && this.sentBytes < log.end) {
      const room = LIMITS.outputWindowBytesMax - (this.sentBytes - this.acknowledgedBytes)
      if (room <= 0) return
      const { turn } = this
      const pieces = await log.read(Math.max(this.sentBytes, log.begin), room)
      if (turn !== this.turn) continue
      if (pieces.length === 0) return this.goOnAt(log.end)
      for (const piece of pieces) {
        this.init.send(piece)
        this.sentBytes = piece.offset + piece.chunk.length
      }
    }
  }
}
