import { beforeEach, describe, expect, it } from 'vitest'
import { Judge } from '../../../simulations/membership/judge.ts'
import type { Incarnation } from '../../../src/base/index.ts'

const LIFE = 2 ** 20
const first = LIFE as Incarnation
const refuted = (LIFE + 1) as Incarnation
const second = (2 * LIFE) as Incarnation

let judge: Judge

/** Three members that are up since 0 and know of each other. */
beforeEach(() => {
  judge = new Judge(3)
  for (const node of [0, 1, 2]) judge.started(node, 1, 0)
  for (const observer of [0, 1, 2])
    for (const subject of [0, 1, 2]) judge.thinks(observer, subject, 'alive', first, 0)
  judge.begin(0)
})

describe('a death is false when the member', () => {
  it('is up and could answer all the time: once for each incarnation, and for everybody who believes it', () => {
    judge.thinks(0, 1, 'suspect', first, 60_000)
    judge.thinks(0, 1, 'dead', first, 65_000)
    judge.thinks(2, 1, 'dead', first, 65_001)
    expect(judge.errors).toEqual({ falseSuspicions: 1, falseDeaths: 1, falseDeathViews: 2 })
    judge.thinks(0, 1, 'alive', refuted, 66_000)
    judge.thinks(0, 1, 'dead', refuted, 90_000)
    expect(judge.errors).toEqual({ falseSuspicions: 1, falseDeaths: 2, falseDeathViews: 3 })
  })

  it('is accused by a member that was away itself', () => {
    judge.impaired(0, 10_000)
    judge.unimpaired(0, 80_000)
    judge.thinks(0, 1, 'dead', first, 80_000)
    expect(judge.errors.falseDeaths).toBe(1)
  })

  it('could answer again ten seconds ago, and both sides of a partition half a minute ago', () => {
    judge.impaired(1, 10_000)
    judge.unimpaired(1, 50_000)
    judge.thinks(0, 1, 'dead', first, 60_001)
    judge.partitioned(Uint8Array.of(0, 0, 1), 70_000)
    judge.healed(80_000)
    judge.thinks(0, 2, 'dead', first, 110_001)
    expect(judge.errors.falseDeaths).toBe(2)
  })
})

describe('a death is right when the member', () => {
  it('is down', () => {
    judge.ended(1, 'silent', 10_000)
    judge.thinks(0, 1, 'dead', first, 15_000)
    expect(judge.errors.falseDeaths).toBe(0)
  })

  it('lives another life by now', () => {
    judge.ended(1, 'closed', 10_000)
    judge.started(1, 2, 10_500)
    judge.thinks(0, 1, 'dead', first, 60_000)
    judge.thinks(0, 1, 'dead', second, 61_000)
    expect(judge.errors.falseDeaths).toBe(1)
  })

  it('cannot answer, or could not just before', () => {
    judge.impaired(1, 10_000)
    judge.thinks(0, 1, 'dead', first, 30_000)
    judge.unimpaired(1, 31_000)
    judge.thinks(2, 1, 'dead', first, 40_999)
    expect(judge.errors.falseDeaths).toBe(0)
  })

  it('could not answer when others first said so, whenever somebody hears of it', () => {
    judge.impaired(1, 10_000)
    judge.thinks(0, 1, 'dead', first, 20_000)
    judge.unimpaired(1, 21_000)
    judge.thinks(2, 1, 'dead', first, 60_000)
    expect(judge.errors.falseDeaths).toBe(0)
    judge.thinks(0, 1, 'dead', refuted, 60_000)
    expect(judge.errors.falseDeaths).toBe(1)
  })

  it('is in the other part of the network, but not when it is in the same', () => {
    judge.partitioned(Uint8Array.of(0, 0, 1), 10_000)
    judge.thinks(0, 2, 'dead', first, 20_000)
    expect(judge.errors.falseDeaths).toBe(0)
    judge.thinks(0, 1, 'dead', first, 20_000)
    expect(judge.errors.falseDeaths).toBe(1)
  })
})

describe('a member that went down', () => {
  it('is found out when the first suspects it, the first takes it for dead, and all who are up do', () => {
    const detection = judge.expectDetection(2, 1000)
    judge.ended(2, 'silent', 1000)
    judge.thinks(0, 2, 'suspect', first, 2000)
    judge.thinks(0, 2, 'dead', first, 4000)
    expect(detection).toMatchObject({ firstSuspicionMs: 1000, firstDeadMs: 3000, everywhereMs: undefined })
    judge.thinks(1, 2, 'dead', first, 4500)
    expect(detection.everywhereMs).toBe(3500)
  })

  it('is found out everywhere when the last who did not know goes down as well', () => {
    const detection = judge.expectDetection(2, 1000)
    judge.ended(2, 'silent', 1000)
    judge.thinks(0, 2, 'dead', first, 4000)
    judge.ended(1, 'silent', 6000)
    expect(detection.everywhereMs).toBe(5000)
  })
})

describe('all agree', () => {
  it('when everybody who is up has the true status of everybody, and the same incarnation', () => {
    expect(judge.isAgreed()).toBe(true)
    judge.thinks(0, 1, 'alive', refuted, 10)
    expect(judge.isAgreed()).toBe(false)
    judge.thinks(2, 1, 'alive', refuted, 10)
    expect(judge.isAgreed()).toBe(true)
    judge.thinks(2, 1, 'suspect', refuted, 10)
    expect(judge.isAgreed()).toBe(false)
  })

  it('that a member is down, and what its new life is', () => {
    judge.ended(1, 'closed', 10)
    expect(judge.isAgreed()).toBe(false)
    for (const observer of [0, 2]) judge.thinks(observer, 1, 'dead', first, 20)
    expect(judge.isAgreed()).toBe(true)
    judge.started(1, 2, 30)
    for (const observer of [0, 2]) judge.thinks(observer, 1, 'alive', first, 40)
    for (const subject of [0, 2]) judge.thinks(1, subject, 'alive', first, 40)
    expect(judge.isAgreed()).toBe(false)
    for (const observer of [0, 2]) judge.thinks(observer, 1, 'alive', second, 50)
    expect(judge.isAgreed()).toBe(true)
  })
})

it('member-hours are those of members that are up', () => {
  judge.ended(1, 'closed', 1_800_000)
  judge.started(1, 2, 2_700_000)
  expect(judge.memberHours(3_600_000)).toBeCloseTo(2.75)
})
