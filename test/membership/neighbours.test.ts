import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Rings } from '../../src/membership/neighbours.ts'
import { peerHash } from '../../src/membership/peer-hash.ts'
import { numbered } from './support.ts'

const RINGS = 8
const places = (size: number) =>
  Array.from({ length: size }, (_, index) => ({ peer: numbered(index), hash: peerHash(numbered(index)) }))

function around(rings: Rings, peer: number, isOn: (other: number) => boolean): Set<number> {
  const found = new Set<number>()
  rings.around(peer, isOn, (other) => found.add(other))
  return found
}

describe('rings', () => {
  test('to be next to each other is symmetric, whoever is on them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(59), { minLength: 2, maxLength: 60 }), (there) => {
        const rings = new Rings(places(60), RINGS)
        const isOn = (peer: number): boolean => there.includes(peer)
        for (const peer of there)
          for (const other of around(rings, peer, isOn)) expect(around(rings, other, isOn)).toContain(peer)
      }),
      { numRuns: 30 },
    )
  })

  test('the order of the roster does not matter', () => {
    const listed = places(50)
    const turned = listed.toReversed()
    const names = (of: typeof listed, at: number): Set<string | undefined> =>
      new Set([...around(new Rings(of, RINGS), at, () => true)].map((index) => of[index]?.peer))
    for (let index = 0; index < 50; index += 1)
      expect(names(turned, 49 - index)).toEqual(names(listed, index))
  })

  test.each([
    ['all', 1],
    ['half', 2],
    ['a tenth', 10],
  ])('1000 peers of whom %s are there: those are connected by at most 4 hops from anybody', (_, part) => {
    const rings = new Rings(places(1000), RINGS)
    const isOn = (peer: number): boolean => peer % part === 0
    let reached = new Set([0])
    for (let hop = 0; hop < 4; hop += 1)
      reached = new Set([...reached].flatMap((peer) => [peer, ...around(rings, peer, isOn)]))
    expect(reached.size).toBe(1000 / part)
  })

  test('nobody is next to itself, and a lonely peer has no neighbours', () => {
    const rings = new Rings(places(40), RINGS)
    expect(around(rings, 3, (peer) => peer === 3)).toEqual(new Set())
    expect(around(rings, 3, () => true)).not.toContain(3)
  })
})
