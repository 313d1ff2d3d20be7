import { setTimeout as sleep } from 'node:timers/promises'
import { DrillFailure } from './drill-failure.ts'

const LOOK_MS = 20

/** @returns whether it became true in time. */
export async function becomes(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  lookMs = LOOK_MS,
): Promise<boolean> {
  const until = performance.now() + withinMs
  for (;;) {
    if (await condition()) return true
    if (performance.now() > until) return false
    await sleep(lookMs)
  }
}

/** @throws DrillFailure when it does not become true in time. */
export async function until(
  what: string,
  withinMs: number,
  condition: () => boolean | Promise<boolean>,
  lookMs = LOOK_MS,
): Promise<void> {
  if (!(await becomes(condition, withinMs, lookMs)))
    throw new DrillFailure(`${what}: not within ${withinMs} ms`)
}
