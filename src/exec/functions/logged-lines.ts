import { LIMITS, toCodedError } from '../../base/index.ts'
import type { OutputReader } from '../execution.ts'

/** What a function in this process logs, on its way to a reader that may be slow. A handler is not made to wait for it. */
export class LoggedLines {
  private readonly reader: OutputReader
  private readonly onFailed: (reason: string) => void
  private chain: Promise<void> = Promise.resolve()
  private pendingBytes = 0
  private leftOut = 0
  private hasFailed = false

  /** @param onFailed the reader takes no more. */
  constructor(reader: OutputReader, onFailed: (reason: string) => void) {
    this.reader = reader
    this.onFailed = onFailed
  }

  add(line: string): void {
    const size = Buffer.byteLength(line)
    if (this.pendingBytes + size > LIMITS.functionLogBytesMax) {
      this.leftOut += 1
      return
    }
    const gap = this.leftOut === 0 ? '' : `(${this.leftOut} lines were left out: the reader was too slow)\n`
    this.leftOut = 0
    this.pendingBytes += size
    this.chain = this.chain.then(() => this.deliver(Buffer.from(`${gap}${line}\n`), size))
  }

  /** Resolves when everything was taken. */
  async drained(): Promise<void> {
    if (this.leftOut > 0) {
      await this.chain
      this.add('(end of the log)')
    }
    await this.chain
  }

  private async deliver(bytes: Uint8Array, size: number): Promise<void> {
    try {
      if (!this.hasFailed) await this.reader('stdout', bytes)
    } catch (thrown) {
      this.hasFailed = true
      this.onFailed(`the reader of its output failed: ${toCodedError(thrown).message}`)
    }
    this.pendingBytes -= size
  }
}
