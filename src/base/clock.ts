/**
 * Two clocks, one port.
 *
 * Leases are measured on a clock that never goes back *and* counts the time that a machine sleeps (design
 * §7). On Linux the monotonic clock (`hrtime`, `performance.now`) stands still during suspend, so a laptop
 * that slept through its lease would wake up believing that it still holds it. `os.uptime()` does count
 * suspended time (`CLOCK_BOOTTIME` on Linux, wall minus boot time on macOS) but only in steps of 10 ms. The
 * two are joined: the fine clock runs, and each reading compares it with the uptime; when they have come
 * apart by more than the coarse step, the difference was a suspend and is added for good. Looking at the uptime opens and reads a
 * file, so readings within a millisecond of the fine clock share one look: a suspend is noticed at most that much later,
 * in time that the machine was awake. All processes of one machine agree within one coarse step, which is why the guardian can be given
 * absolute deadlines.
 */
import { uptime } from 'node:os'
import { type BootMs, bootMs, type UnixMs, unixMs } from './ids.ts'

export interface Clock {
  /** Milliseconds since the machine started, suspended time included. Never goes back. */
  now(): BootMs
  /** Wall clock, for people and the legacy contract. Can jump; decides nothing. */
  wall(): UnixMs
}

/** Where a `SystemClock` reads from; replaced in tests. All in milliseconds. */
export interface ClockSource {
  monotonicMs(): number
  uptimeMs(): number
  wallMs(): number
}

const SYSTEM: ClockSource = {
  monotonicMs: () => Number(process.hrtime.bigint()) / 1e6,
  uptimeMs: () => uptime() * 1000,
  wallMs: () => Date.now(),
}

/** More than two coarse steps of `os.uptime()` apart is no rounding: the machine slept. */
const SUSPEND_NOTICED_MS = 25

const COMPARE_EVERY_MS = 1

export class SystemClock implements Clock {
  private readonly source: ClockSource
  private suspendedMs: number
  /** Of the fine clock, when the uptime was last looked at. */
  private comparedAtMs: number

  constructor(source: ClockSource = SYSTEM) {
    this.source = source
    this.comparedAtMs = source.monotonicMs()
    this.suspendedMs = source.uptimeMs() - this.comparedAtMs
    // Without a past suspend both count from boot; what is left is rounding, and processes must agree.
    if (Math.abs(this.suspendedMs) <= SUSPEND_NOTICED_MS) this.suspendedMs = 0
  }

  now(): BootMs {
    const monotonic = this.source.monotonicMs()
    if (monotonic - this.comparedAtMs < COMPARE_EVERY_MS) return bootMs(monotonic + this.suspendedMs)
    this.comparedAtMs = monotonic
    const drift = this.source.uptimeMs() - monotonic - this.suspendedMs
    if (drift > SUSPEND_NOTICED_MS) this.suspendedMs += drift
    return bootMs(monotonic + this.suspendedMs)
  }

  wall(): UnixMs {
    return unixMs(Math.round(this.source.wallMs()))
  }
}
