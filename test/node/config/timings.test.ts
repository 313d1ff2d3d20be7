import { describe, expect, test } from 'vitest'
import { MEMBERSHIP_PRESETS } from '../../../src/membership/index.ts'
import { PRESETS, type Preset, type Timings } from '../../../src/node/config/timings.ts'

/** What a preset takes the world to be: the usual round trip and a slow synced write. */
const ASSUMED: Record<Preset, { roundTripMs: number; fsyncMs: number }> = {
  lan: { roundTripMs: 10, fsyncMs: 50 },
  wan: { roundTripMs: 250, fsyncMs: 100 },
  local: { roundTripMs: 1, fsyncMs: 50 },
}

const heartbeatMs = (timings: Timings) => timings.raftHeartbeatTicks * timings.raftTickMs
const electionMs = (timings: Timings) => timings.raftElectionTicks * timings.raftTickMs

describe.each(['lan', 'wan', 'local'] as const)('preset %s', (preset) => {
  const timings = PRESETS[preset]
  const { roundTripMs, fsyncMs } = ASSUMED[preset]

  test('a heartbeat interval is no shorter than a round trip', () => {
    expect(heartbeatMs(timings)).toBeGreaterThanOrEqual(roundTripMs)
  })

  test('an election timeout outlasts four heartbeat intervals and a slow fsync', () => {
    expect(electionMs(timings)).toBeGreaterThanOrEqual(4 * heartbeatMs(timings) + fsyncMs)
  })
})

test('preset lan: the median time without a leader stays below 600 ms with three voters', () => {
  const { lan } = PRESETS
  // The median of the smaller of two draws from [E, 2E), less half a heartbeat interval, plus two rounds of votes.
  const firstToWakeMs = electionMs(lan) * (1 + (1 - Math.SQRT1_2)) - heartbeatMs(lan) / 2
  const votesMs = 2 * ASSUMED.lan.roundTripMs + 2 * ASSUMED.lan.fsyncMs
  expect(firstToWakeMs + votesMs).toBeLessThan(600)
})

test('membership has a preset of each name', () => {
  expect(Object.keys(MEMBERSHIP_PRESETS).sort()).toEqual(Object.keys(PRESETS).sort())
})
