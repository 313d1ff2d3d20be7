import type { Random } from '../base/index.ts'

/** Pause before the next attempt after `failures` (≥ 1) failed ones: doubles from `minMs` to `maxMs`, of which a random upper half counts. */
export function backoffMs(random: Random, failures: number, minMs: number, maxMs: number): number {
  const fullMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30))
  return fullMs * (0.5 + random.float() / 2)
}
