import { expect, test } from 'vitest'
import { figuresOf, type UsageSample } from '../../../bootstrap/bench/idle.ts'

const MINUTE_MS = 60_000

/** Looked at each minute: what it uses and how it grows. */
const samples = (cpuMsPerMinute: number, grownMiBPerMinute: number): readonly UsageSample[] =>
  Array.from({ length: 11 }, (_, minute) => ({
    atMs: 5000 + minute * MINUTE_MS,
    cpuMs: 100 + minute * cpuMsPerMinute,
    rssMiB: 100 + minute * grownMiBPerMinute,
    pssMiB: 80,
    wakeUps: 7 + minute * 1200,
    writtenBytes: minute * 60 * 2048,
  }))

test('rates count from the first look to the last, memory is the middle of all, and growth is per hour', () => {
  const figures = figuresOf([samples(600, 0), samples(1200, 0.5), samples(600, -1)])
  expect(figures).toEqual({
    cpuPercent: { median: 1, max: 2 },
    rssMiB: { median: 100, max: 102.5 },
    pssMiB: { median: 80, max: 80 },
    growthMiBPerHour: { median: 0, max: 30 },
    wakeUpsPerSecond: { median: 20, max: 20 },
    writtenKiBPerSecond: { median: 2, max: 2 },
  })
})

test('one look is no measurement', () => {
  expect(() => figuresOf([samples(600, 0).slice(0, 1)])).toThrow(/two samples/)
})
