/**
 * How long an answer of one peer may take, learnt from those that came: the estimator of TCP (RFC 6298). A household has paths
 * of 0.2 ms and of 200 ms at once, and no constant fits both: on the first it waits needlessly before it asks others, on the
 * second it asks others for every probe.
 *
 * Each probe has its own number, so an answer is never taken for that to another probe (Karn's problem does not arise).
 */

const ALPHA = 1 / 8
const BETA = 1 / 4
const VARIATIONS = 4

export class RoundTrip {
  /** SRTT. */
  smoothedMs: number
  /** RTTVAR. */
  variationMs: number

  constructor(firstMs: number) {
    this.smoothedMs = firstMs
    this.variationMs = firstMs / 2
  }

  add(sampleMs: number): void {
    this.variationMs += BETA * (Math.abs(this.smoothedMs - sampleMs) - this.variationMs)
    this.smoothedMs += ALPHA * (sampleMs - this.smoothedMs)
  }

  /** RTO, without a floor. */
  get timeoutMs(): number {
    return this.smoothedMs + VARIATIONS * this.variationMs
  }
}
