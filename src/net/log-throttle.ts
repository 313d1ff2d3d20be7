/** Lets one line per subject and minute through, so that a peer cannot fill the log by misbehaving. */
import type { Clock, LogFields, Logger } from '../base/index.ts'

const QUIET_MS = 60_000
/** Subjects remembered; beyond it all are forgotten, which costs some repeated lines. */
const SUBJECTS_MAX = 1000

export class LogThrottle {
  private readonly logger: Logger
  private readonly clock: Clock
  private readonly subjects = new Map<string, { saidAtMs: number; suppressed: number }>()

  constructor(logger: Logger, clock: Clock) {
    this.logger = logger
    this.clock = clock
  }

  warn(subject: string, fields: LogFields, message: string): void {
    const now = this.clock.now()
    const known = this.subjects.get(subject)
    if (known !== undefined && now - known.saidAtMs < QUIET_MS) {
      known.suppressed += 1
      return
    }
    if (this.subjects.size >= SUBJECTS_MAX) this.subjects.clear()
    this.subjects.set(subject, { saidAtMs: now, suppressed: 0 })
    this.logger.warn({ ...fields, suppressed: known?.suppressed ?? 0 }, message)
  }
}
