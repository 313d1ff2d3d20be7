/** How far a long run is, on the error stream: a line that is rewritten on a terminal, else one now and then. */
const EVERY_MS = 10_000
const EVERY_MS_ON_TERMINAL = 200

export class Progress {
  private readonly total: number
  private readonly startedMs = performance.now()
  private saidMs = 0
  private done = 0
  private failed = 0

  constructor(total: number) {
    this.total = total
  }

  step(isFailure: boolean): void {
    this.done += 1
    if (isFailure) this.failed += 1
    const { stderr } = process
    const now = performance.now()
    if (now - this.saidMs < (stderr.isTTY ? EVERY_MS_ON_TERMINAL : EVERY_MS) && this.done < this.total) return
    this.saidMs = now
    const leftMs = ((now - this.startedMs) / this.done) * (this.total - this.done)
    const failures = this.failed === 0 ? '' : `, ${this.failed} failed`
    const line = `${this.done} of ${this.total} runs${failures}, about ${Math.ceil(leftMs / 1000)} s left`
    stderr.write(stderr.isTTY ? `\r\u001b[K${line}${this.done === this.total ? '\n' : ''}` : `${line}\n`)
  }

  note(text: string): void {
    process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[K' : ''}${text}\n`)
  }
}
