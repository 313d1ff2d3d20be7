import type { TaskMessage } from '../task/index.ts'

type Output = Extract<TaskMessage, { type: 'remote_task_output' }>

/**
 * Output of one attempt on its way to the submitter: at most `bytesMax` without acknowledgement, kept until then so
 * that it can be repeated after a reconnect. When the window is full the command waits, and so its pipe fills: a slow
 * reader slows the writer.
 */
export class OutputWindow {
  private readonly bytesMax: number
  private readonly unacknowledged: Output[] = []
  private sentBytes = 0
  private acknowledgedBytes = 0
  private readonly waiters: (() => void)[] = []
  private closed = false

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Bytes of output taken in so far. */
  get totalBytes(): number {
    return this.sentBytes
  }

  /** Takes a chunk in; `undefined` when it has to be dropped because nobody waits for it any more. */
  async take(
    attempt: Pick<Output, 'idempotency_key' | 'exec_lease_id'>,
    stream: Output['stream'],
    chunk: Uint8Array,
  ): Promise<Output | undefined> {
    while (!this.closed && this.inFlight > 0 && this.inFlight + chunk.length > this.bytesMax) {
      await new Promise<void>((resolve) => this.waiters.push(resolve))
    }
    if (this.closed) return undefined
    const message: Output = {
      type: 'remote_task_output',
      ...attempt,
      stream,
      offset: this.sentBytes,
      chunk,
    }
    this.sentBytes += chunk.length
    this.unacknowledged.push(message)
    return message
  }

  /** The submitter has passed on `bytes` in all. */
  acknowledge(bytes: number): void {
    this.acknowledgedBytes = Math.max(this.acknowledgedBytes, Math.min(bytes, this.sentBytes))
    for (let first = this.unacknowledged[0]; first !== undefined; first = this.unacknowledged[0]) {
      if (first.offset + first.chunk.length > this.acknowledgedBytes) break
      this.unacknowledged.shift()
    }
    this.wake()
  }

  /** What the submitter may have missed, in order. */
  toRepeat(): readonly Output[] {
    return this.unacknowledged
  }

  /** The execution is being stopped: what comes now waits for nobody. */
  close(): void {
    this.closed = true
    this.wake()
  }

  private get inFlight(): number {
    return this.sentBytes - this.acknowledgedBytes
  }

  private wake(): void {
    for (const resolve of this.waiters.splice(0)) resolve()
  }
}
