import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Observation } from '../../simulations/observation.ts'
import { TraceHash } from '../../simulations/trace.ts'
import { logIndex, type PeerId, term } from '../../src/base/index.ts'

const ada = 'ada' as PeerId
const commit = (atMs: number, index: number): Observation => ({
  type: 'commit-advanced',
  node: ada,
  index: logIndex(index),
  atMs,
})

function hashOf(observations: readonly Observation[]): string {
  const trace = new TraceHash()
  for (const observation of observations) trace.observe(observation)
  return trace.digest()
}

const many = Array.from({ length: 1000 }, (_, at) => commit(at, at + 1))

test('equal sequences have equal hashes, of 64 hex digits', () => {
  expect(hashOf(many)).toBe(hashOf(structuredClone(many)))
  expect(hashOf(many)).toMatch(/^[0-9a-f]{64}$/)
})

test('the hash is that of the lines, however many were put together', () => {
  const text = many.map((observation) => `${JSON.stringify(observation)}\n`).join('')
  expect(hashOf(many)).toBe(createHash('sha256').update(text).digest('hex'))
})

describe('the hash is another one when', () => {
  test.each<[string, readonly Observation[]]>([
    ['two observations change places', [...many.slice(0, 2).reverse(), ...many.slice(2)]],
    ['one is missing', many.slice(1)],
    ['one is there twice', [...many, commit(999, 1000)]],
    ['a time differs', many.with(500, commit(500.001, 501))],
    ['a value differs', many.with(500, commit(500, 502))],
    ['a type differs', many.with(500, { type: 'acknowledged', node: ada, index: logIndex(501), atMs: 500 })],
  ])('%s', (_, others) => {
    expect(hashOf(others)).not.toBe(hashOf(many))
  })

  test('a field moves from one observation to the next', () => {
    const role = (leader: PeerId | undefined): Observation => {
      return { type: 'role-changed', node: ada, role: 'follower', term: term(1), leader, atMs: 0 }
    }
    expect(hashOf([role(ada), role(undefined)])).not.toBe(hashOf([role(undefined), role(ada)]))
  })
})

test('reading the hash in between changes nothing, and counts what went in', () => {
  const trace = new TraceHash()
  const seen = new Set<string>()
  for (const observation of many) {
    trace.observe(observation)
    seen.add(trace.digest())
  }
  expect(trace.digest()).toBe(hashOf(many))
  expect(seen.size).toBe(many.length)
  expect(trace.length).toBe(many.length)
})
