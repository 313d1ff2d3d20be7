import { describe, expect, test } from 'vitest'
import type { ObservedFact } from '../../simulations/observation.ts'
import { Timeline } from '../../simulations/timeline.ts'
import { timelinePage } from '../../simulations/timeline-page.ts'
import { type LeaseId, logIndex, type PeerId, type ScopeKey, term } from '../../src/base/index.ts'

const [ada, bob] = ['p1' as PeerId, 'p2' as PeerId]
const TITLE = { scenario: 'authority', seed: 7, command: 'npm run sim -- --scenario authority --seed 7' }

/** Ada leads and dies; bob is accused of something. */
function run(...more: readonly ObservedFact[]): Timeline {
  const timeline = new Timeline()
  const empty = {
    hardState: undefined,
    base: { index: logIndex(0), term: term(0), configuration: undefined },
    entries: [],
  }
  const facts: readonly ObservedFact[] = [
    { type: 'node-declared', node: ada, name: 'ada' },
    { type: 'node-declared', node: bob, name: 'bob' },
    { type: 'life-began', node: ada, life: 1, log: empty, appliedIndex: logIndex(0) },
    { type: 'life-began', node: bob, life: 1, log: empty, appliedIndex: logIndex(0) },
    { type: 'role-changed', node: ada, role: 'leader', term: term(2), leader: ada },
    { type: 'commit-advanced', node: ada, index: logIndex(1) },
    { type: 'life-ended', node: ada, how: 'crash' },
    ...more,
  ]
  facts.forEach((fact, at) => {
    timeline.observe({ ...fact, atMs: at * 10 })
  })
  timeline.violation({ checker: 'single-owner', message: 'two owners', atMs: 100, node: bob })
  return timeline
}

test('2 nodes: the text has a lane per node, the time, what happened, and marks the violation', () => {
  expect(run().toText()).toBe(
    [
      '         time ms   ada bob',
      '           0.000    ·   ·    ada   is a machine of this run: ada',
      '          10.000    ·   ·    bob   is a machine of this run: bob',
      '          20.000    │   ·    ada   life 1 begins: nothing on disk, base 0, no entries, applied 0',
      '          30.000    │   │    bob   life 1 begins: nothing on disk, base 0, no entries, applied 0',
      '          40.000    ┃   │    ada   LEADER, term 2',
      '          60.000    ·   │    ada   CRASH',
      '✗        100.000    ·   ✗    bob   VIOLATION single-owner: two owners',
      '',
    ].join('\n'),
  )
})

test('2 nodes: the fine text also has every write, acknowledgement and commit', () => {
  expect(run().toText()).not.toContain('commit index 1')
  expect(run().toText({ fine: true })).toContain('commit index 1')
})

test('2 nodes: of a long run the newest rows are kept, and it is said how many are not', () => {
  const many = Array.from(
    { length: 50_000 },
    (_, at): ObservedFact => ({ type: 'fault', what: `fault ${at}` }),
  )
  const timeline = run(...many)
  expect(timeline.rows).toHaveLength(20_000)
  expect(timeline.dropped).toBe(7 + 50_000 + 1 - 20_000)
  const text = timeline.toText()
  expect(text).toContain(`(${timeline.dropped} earlier rows are not shown)`)
  expect(text).toContain('fault 49999')
  expect(text).not.toContain('fault 100\n')
})

describe('the page', () => {
  test('loads nothing, and forbids itself to', () => {
    const page = timelinePage(run(), TITLE)
    expect(page).not.toMatch(/\b(src|href|action)\s*=|url\(|@import|https?:/)
    expect(page).toContain("default-src 'none'")
  })

  test('shows every row, the command, and marks the violation', () => {
    const page = timelinePage(run(), TITLE)
    expect(page.match(/<tr data-node/g)).toHaveLength(8)
    expect(page).toContain(TITLE.command)
    expect(page).toContain('<tr data-node="bob" data-type="violation">')
    expect(page).toContain('<option>commit-advanced</option>')
  })

  test('gives every row as many cells as the head has', () => {
    const page = timelinePage(run(), TITLE)
    const cells = page.split('\n').filter((line) => line.startsWith('<tr data-node'))
    expect(new Set(cells.map((line) => line.match(/<td/g)?.length))).toEqual(new Set([5]))
    expect(page.match(/<th>/g)).toHaveLength(5)
  })

  test('escapes what the run brought along, wherever it stands', () => {
    const evil = `"'><script>alert(1)</script>&`
    const timeline = run(
      { type: 'node-declared', node: evil as PeerId, name: evil },
      { type: 'fault', node: evil as PeerId, what: evil },
      { type: 'execution-started', node: ada, execution: evil, key: evil as ScopeKey, leaseId: 1 as LeaseId },
    )
    const page = timelinePage(timeline, { scenario: evil, seed: 1, command: evil })
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page).not.toContain('alert(1)</script>')
    expect(page).not.toContain(`"'>`)
    expect(page).toContain('&#60;script&#62;alert(1)')
  })

  test('has a script that a browser can read', () => {
    const script = /<script>([\s\S]*)<\/script>/.exec(timelinePage(run(), TITLE))?.[1] ?? ''
    expect(() => new Function(script)).not.toThrow()
    expect(script).toContain('row.hidden')
  })
})
