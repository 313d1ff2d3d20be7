/**
 * The five states of a run in the words of the contract, with their times. They stand beside the states of the two cores, which
 * say more: these are what the log of events, the journal and other tools are asked for.
 */
import { z } from 'zod'
import type { UnixMs } from '../base/index.ts'

const RUN_STATES = ['start', 'cancel_requested', 'cancelled', 'complete', 'error'] as const
export type RunState = (typeof RUN_STATES)[number]

export const runChangeSchema = z.object({
  state: z.enum(RUN_STATES),
  atUnixMs: z.number().transform((value) => value as UnixMs),
})
/** A run came to this state. */
export type RunChange = z.output<typeof runChangeSchema>

/** From the first request to cancel to the end, in milliseconds; `undefined` when nobody asked, or it has not ended. */
export function cancelLatencyMs(changes: readonly RunChange[]): number | undefined {
  const asked = changes.find(({ state }) => state === 'cancel_requested')
  const ended = changes.find(({ state }) => state !== 'start' && state !== 'cancel_requested')
  if (asked === undefined || ended === undefined) return undefined
  // The wall clock may have been set back meanwhile.
  return Math.max(0, ended.atUnixMs - asked.atUnixMs)
}
