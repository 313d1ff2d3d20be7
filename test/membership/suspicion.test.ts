import { describe, expect, test } from 'vitest'
import { bootMs } from '../../src/base/index.ts'
import { Timer } from '../../src/membership/agenda.ts'
import { LocalHealth } from '../../src/membership/local-health.ts'
import { RoundTrip } from '../../src/membership/rtt.ts'
import { leastSuspicionMs, Suspicion } from '../../src/membership/suspicion.ts'
import { LAN, numbered } from './support.ts'

const timer = (): Timer => new Timer(() => undefined)

function suspicion(witnesses: number, evidence: 'silence' | 'closed' = 'silence'): Suspicion {
  const made = new Suspicion(bootMs(0), 0, timer(), timer())
  made.witnesses = witnesses
  made.evidence = evidence
  return made
}

describe('the time to refute', () => {
  test.each([
    [0, 15_000],
    [1, 8750],
    [2, 5094],
    [3, 2500],
    [9, 2500],
  ])('with %i confirmations of the 3 that are needed: %i ms (Lifeguard §IV.B)', (confirmations, ms) => {
    const doubt = suspicion(9)
    for (let index = 0; index < confirmations; index += 1) doubt.accuse(numbered(index), 'silence')
    expect(doubt.timeoutMs(LAN, 2500)).toBeCloseTo(ms, -1)
  })

  test('nobody else could confirm: the least', () => {
    expect(suspicion(0).timeoutMs(LAN, 2500)).toBe(2500)
  })

  test('two could confirm, and did: the least', () => {
    const doubt = suspicion(2)
    doubt.accuse(numbered(1), 'silence')
    doubt.accuse(numbered(2), 'silence')
    expect(doubt.timeoutMs(LAN, 2500)).toBe(2500)
  })

  test('the same accuser counts once, and closed is more than silence', () => {
    const doubt = suspicion(9, 'closed')
    expect(doubt.accuse(numbered(1), 'silence')).toBe(true)
    expect(doubt.accuse(numbered(1), 'silence')).toBe(false)
    expect(doubt.accuse(numbered(1), 'closed')).toBe(true)
    expect(doubt.accuse(numbered(1), 'silence')).toBe(false)
    expect([doubt.confirmations('silence'), doubt.confirmations('closed')]).toEqual([1, 1])
  })

  test('closed counts when all who are needed found the same', () => {
    const doubt = suspicion(9, 'closed')
    for (const index of [1, 2]) doubt.accuse(numbered(index), 'closed')
    doubt.accuse(numbered(3), 'silence')
    expect(doubt.timeoutMs(LAN, 2500)).toBe(2500)
    doubt.accuse(numbered(3), 'closed')
    expect(doubt.timeoutMs(LAN, 2500)).toBe(LAN.closedSuspicionMs)
    doubt.evidence = 'silence'
    expect(doubt.timeoutMs(LAN, 2500)).toBe(2500)
  })

  test('with the values that switch them off, confirmations and closed connections change nothing', () => {
    const plain = { ...LAN, suspicionMaxTimes: 1, confirmationsMax: 0, closedSuspicionMs: LAN.suspicionMs }
    const doubt = suspicion(9, 'closed')
    expect(doubt.timeoutMs(plain, 2500)).toBe(2500)
    for (const index of [1, 2, 3]) doubt.accuse(numbered(index), 'closed')
    expect(doubt.timeoutMs(plain, 2500)).toBe(2500)
  })

  test.each([
    [2, 2500],
    [10, 2500],
    [100, 5000],
    [1000, 7500],
  ])('%i members: at least %i ms', (members, ms) => {
    expect(leastSuspicionMs(LAN, members)).toBeCloseTo(ms)
  })
})

describe('round trips (RFC 6298 §2)', () => {
  test('the first sample R gives SRTT = R, RTTVAR = R/2, RTO = 3·R', () => {
    expect(new RoundTrip(100)).toMatchObject({ smoothedMs: 100, variationMs: 50, timeoutMs: 300 })
  })

  test('further samples: RTTVAR first, with the old SRTT, by a quarter; then SRTT by an eighth', () => {
    const trip = new RoundTrip(100)
    trip.add(180)
    expect(trip).toMatchObject({ smoothedMs: 110, variationMs: 57.5, timeoutMs: 340 })
  })
})

test('local health stays within its bounds, and 0 as the bound switches it off', () => {
  const health = new LocalHealth(LAN)
  health.improve()
  expect(health.factor).toBe(1)
  health.worsen(3)
  expect(health).toMatchObject({ score: 3, factor: 4 })
  health.worsen(100)
  expect(health.score).toBe(LAN.localHealthMax)
  const off = new LocalHealth({ ...LAN, localHealthMax: 0 })
  off.worsen(5)
  expect(off.factor).toBe(1)
})
