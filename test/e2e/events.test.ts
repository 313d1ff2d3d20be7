import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { DemoNode } from '../../bootstrap/demo/demo-node.ts'
import { TestMesh } from './support/mesh.ts'

const CLI = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

const eventShape = z.object({
  sequence: z.number(),
  atUnixMs: z.number(),
  kind: z.string(),
  type: z.string(),
  node: z.string().nullable(),
  reason: z.string().nullable(),
  detail: z.looseObject({}),
})
type Event = z.output<typeof eventShape>

const parse = (line: string): Event => eventShape.parse(JSON.parse(line))

async function eventsOf(node: DemoNode, ...options: readonly string[]): Promise<Event[]> {
  const out = await node.cli(['events', '--json', ...options])
  return out.trimEnd().split('\n').map(parse)
}

/** `populi events --follow` on a node, in a process of its own. */
function follow(node: DemoNode) {
  const child = spawn(process.execPath, [CLI, '--data-dir', node.dataDir, 'events', '--follow', '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seen: Event[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => seen.push(parse(line)))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { seen, ended, interrupt: () => child.kill('SIGINT') }
}

describe('2 real nodes and their events', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b'])
  }, 120_000)

  afterAll(() => mesh.end())

  it('kill -9: the other node tells of it to its follower; at the next start nothing of before is missing', async () => {
    const [a, b] = [mesh.get('a'), mesh.get('b')]
    const before = await eventsOf(b)
    expect(before[0]).toMatchObject({ type: 'node:started', node: 'b', detail: { version: '0.1.0' } })
    const follower = follow(a)
    await expect.poll(() => follower.seen.length).toBeGreaterThan(0)
    await b.end('SIGKILL')
    await expect
      .poll(() => follower.seen.find(({ type, node }) => type === 'member:suspect' && node === 'b'))
      .toBeDefined()
    follower.interrupt()
    expect(await follower.ended).toBe(0)

    await b.up()
    const after = await eventsOf(b)
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after.map(({ sequence }) => sequence)).toEqual(after.map((_, at) => at + 1))
    const starts = await eventsOf(b, '--kind', 'node')
    expect(starts.map(({ type }) => type)).toEqual(['node:started', 'node:started'])
    expect(starts[1]).toMatchObject({ detail: { afterCrash: true } })
  })

  it('SIGTERM: the follower hears of the stop, and its stream ends well', async () => {
    const a = mesh.get('a')
    const follower = follow(a)
    await expect.poll(() => follower.seen.length).toBeGreaterThan(0)
    await a.end('SIGTERM')
    expect(await follower.ended).toBe(0)
    expect(follower.seen.at(-1)).toMatchObject({ type: 'node:stopping', node: 'a' })
    await a.up()
    const lives = await eventsOf(a, '--kind', 'node')
    expect(lives.map(({ type }) => type)).toEqual([
      'node:started',
      'node:stopping',
      'node:stopped',
      'node:started',
    ])
    expect(lives[3]).toMatchObject({ detail: { afterCrash: false } })
  })

  it('the tables of people are lines', async () => {
    const out = await mesh.get('a').cli(['events', '--kind', 'node', '--limit', '1'])
    expect(out).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z {2}node:started +a +has started {2}version=.* life=2 /)
  })
})
