import { describe, expect, test } from 'vitest'
import { bootMs } from '../../src/base/index.ts'
import { MEMBERSHIP_PRESETS } from '../../src/membership/index.ts'
import { Mesh } from './mesh.ts'

const grown = (size: number, seed = 1): Mesh => {
  const mesh = new Mesh({ size, seed })
  mesh.run(15_000)
  expect(mesh.hashes.size).toBe(1)
  expect(mesh.deaths()).toEqual([])
  return mesh
}

const MINUTE_MS = 60_000

describe('5 members', () => {
  test('kill -9: all know within a second, by closed connections', () => {
    expect(medianMs((mesh) => mesh.kill(4))).toBeLessThan(1000)
  })

  test('kill -STOP: all know within 5 s, by silence', () => {
    expect(medianMs((mesh) => mesh.stop(4))).toBeLessThan(5000)
  })

  /** Of 11 meshes: from `fault` until all others hold node 4 for dead. */
  function medianMs(fault: (mesh: Mesh) => void): number {
    const times = Array.from({ length: 11 }, (_, index) => {
      const mesh = grown(5, index + 1)
      const { now } = mesh
      fault(mesh)
      mesh.run(20_000)
      const deaths = mesh.deaths(now)
      expect(deaths.map(({ of }) => of)).toEqual([4, 4, 4, 4])
      return Math.max(...deaths.map(({ at }) => at - now))
    })
    return times.sort((one, other) => one - other)[5] ?? Number.NaN
  }

  test('stopped for 20 s and resumed, it is back without a restart, and accuses nobody', () => {
    const mesh = grown(5)
    mesh.stop(4)
    mesh.run(20_000)
    for (const by of [0, 1, 2, 3]) expect(mesh.status(by, 4)).toBe('dead')
    const resumedAt = mesh.now
    mesh.resume(4)
    mesh.run(3000)
    for (const by of [0, 1, 2, 3]) expect(mesh.status(by, 4)).toBe('alive')
    expect(
      mesh.changes.filter(({ at, by }) => by === 4 && at >= resumedAt).map(({ to }) => to),
    ).not.toContain('suspect')
    expect(mesh.hashes.size).toBe(1)
  })

  test('a restart is a new life for all, and the old one stays over', () => {
    const mesh = grown(5)
    mesh.kill(4)
    mesh.run(10_000)
    mesh.restart(4)
    mesh.run(5000)
    for (const by of [0, 1, 2, 3]) expect(mesh.status(by, 4)).toBe('alive')
    expect(mesh.hashes.size).toBe(1)
  })

  test('who leaves is left for all, and nobody suspects it', () => {
    const mesh = grown(5)
    mesh.leave(4)
    mesh.run(MINUTE_MS)
    for (const by of [0, 1, 2, 3]) expect(mesh.status(by, 4)).toBe('left')
    expect(mesh.changes.filter(({ to }) => to === 'suspect')).toEqual([])
  })

  test.each([
    ['one direction', [[0, 4]] as const],
    [
      'both directions',
      [
        [0, 4],
        [4, 0],
      ] as const,
    ],
  ])('a link cut in %s is named at both ends, and nobody is declared dead', (_, cuts) => {
    const mesh = grown(5)
    for (const [from, to] of cuts) mesh.cut(from, to)
    mesh.run(5 * MINUTE_MS)
    expect(mesh.deaths()).toEqual([])
    const fault = (by: number, of: number) => mesh.at(by).core.member(mesh.at(of).peer)?.linkFault
    expect(fault(0, 4)).toBeDefined()
    expect(fault(4, 0)).toBeDefined()
    mesh.heal()
    mesh.run(MINUTE_MS)
    expect([fault(0, 4), fault(4, 0)]).toEqual([undefined, undefined])
  })
})

describe('partitions', () => {
  test.each([
    [5, 2, 60],
    [10, 5, 60],
    [40, 4, 10],
  ])('%i members cut into %i and the rest agree within 30 s after %i minutes', (size, part, minutes) => {
    const mesh = grown(size)
    mesh.partition(part)
    mesh.run(5 * MINUTE_MS)
    expect(mesh.status(0, size - 1)).toBe('dead')
    expect(mesh.status(size - 1, 0)).toBe('dead')
    expect(mesh.status(0, part - 1)).toBe('alive')
    mesh.run((minutes - 5) * MINUTE_MS)
    const healedAt = mesh.now
    mesh.heal()
    mesh.run(30_000)
    expect(mesh.hashes.size).toBe(1)
    expect(mesh.nodes.map((_, of) => mesh.status(0, of))).toEqual(mesh.nodes.map(() => 'alive'))
    // The tables of the other side said that everybody here is dead.
    expect(mesh.deaths(healedAt)).toEqual([])
  })

  test('10 members: one that was cut off for a minute convinces nobody that the others are dead', () => {
    const mesh = grown(10)
    mesh.partition(1)
    mesh.run(2 * MINUTE_MS)
    const healedAt = mesh.now
    mesh.heal()
    mesh.run(30_000)
    expect(mesh.deaths(healedAt)).toEqual([])
    expect(mesh.hashes.size).toBe(1)
  })
})

test('10 members sleep for an hour, all of them: none is declared dead when they wake up one after the other', () => {
  const mesh = grown(10)
  for (const [index] of mesh.nodes.entries()) mesh.stop(index)
  mesh.run(60 * MINUTE_MS)
  for (const [index] of mesh.nodes.entries()) {
    mesh.resume(index)
    mesh.run(200)
  }
  mesh.run(MINUTE_MS)
  expect(mesh.deaths()).toEqual([])
  expect(mesh.hashes.size).toBe(1)
})

test('10 members, 6 killed at once: the rest know of all within 10 s, and go on', () => {
  const mesh = grown(10)
  const killedAt = mesh.now
  for (const index of [4, 5, 6, 7, 8, 9]) mesh.kill(index)
  mesh.run(10_000)
  expect(mesh.deaths(killedAt)).toHaveLength(24)
  mesh.run(MINUTE_MS)
  expect(mesh.deaths(killedAt)).toHaveLength(24)
})

test('40 members on rings: a silent one is dead everywhere within 10 s, whoever its neighbours are', () => {
  const mesh = grown(40)
  const stoppedAt = mesh.now
  mesh.stop(39)
  mesh.run(10_000)
  expect(mesh.deaths(stoppedAt)).toHaveLength(39)
  expect(new Set(mesh.deaths(stoppedAt).map(({ of }) => of))).toEqual(new Set([39]))
})

test('10 members, plain SWIM by its options: a silent one is dead for all, and nobody else', () => {
  const plain = {
    ...MEMBERSHIP_PRESETS.lan,
    suspicionMaxTimes: 1,
    confirmationsMax: 0,
    declare: 'anyone' as const,
    localHealthMax: 0,
    freshMs: 0,
    buddy: false,
    lateMs: Number.POSITIVE_INFINITY,
    absentAfterMs: Number.POSITIVE_INFINITY,
  }
  const mesh = new Mesh({ size: 10, options: plain })
  mesh.run(MINUTE_MS)
  mesh.stop(9)
  mesh.run(MINUTE_MS)
  expect(mesh.deaths().map(({ of }) => of)).toEqual(Array(9).fill(9))
})

test.each(['wan', 'local'] as const)(
  '5 members, preset %s: a silent one is found, and nobody else',
  (preset) => {
    const mesh = new Mesh({ size: 5, options: MEMBERSHIP_PRESETS[preset] })
    mesh.run(MINUTE_MS)
    mesh.stop(4)
    mesh.run(MINUTE_MS)
    expect(mesh.deaths(bootMs(0)).map(({ of }) => of)).toEqual([4, 4, 4, 4])
  },
)
