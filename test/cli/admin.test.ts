import { expect, test } from 'vitest'
import { LIMITS, unixMs } from '../../src/base/index.ts'
import type { NodeView } from '../../src/node/control/index.ts'
import { ATTIC, FakeControl, NO_ORDERS, NODES, NOW } from '../node/control/fake-control.ts'
import { cli } from './support.ts'

const ASKED = { node: 'attic', on: true, reason: undefined, until: undefined, drainMs: undefined }

/** Attic as it is looked at time after time; the last stays. */
function seen(views: readonly Partial<NodeView>[]): FakeControl {
  const control = new FakeControl()
  let at = 0
  control.nodes = async () => {
    const view = views[Math.min(at++, views.length - 1)]
    return NODES.map((node) => (node.nodeId === ATTIC ? { ...node, status: 'alive', ...view } : node))
  }
  return control
}

const FOLLOWED = { ...NO_ORDERS, maintenance: true, isFollowed: true }
const UNCONFIRMED = { ...FOLLOWED, isFollowed: false }

test('quarantine, maintenance and retire ask the node, and say what holds now', async () => {
  const control = new FakeControl()
  const said = async (...argv: string[]) => (await cli(['admin', ...argv], { control })).out
  expect(await said('quarantine', 'attic', '--reason', 'smoke')).toBe(
    'attic is quarantined: no new work, and no lease is renewed.\n',
  )
  expect(await said('quarantine', 'attic', '--off')).toBe('attic is not quarantined any more.\n')
  expect(await said('maintenance', 'attic', '--for', '2h', '--deadline', '30m')).toBe(
    'attic is in maintenance until 2026-11-18 13:06 UTC: no new work, and what still runs at 2026-11-18 11:36 UTC is ended.\n',
  )
  expect(await said('maintenance', 'attic')).toBe(
    'attic is in maintenance: no new work, and what runs there may finish.\n',
  )
  expect(await said('maintenance', 'attic', '--off')).toBe('attic is not in maintenance any more.\n')
  expect(await said('retire', 'attic', '--yes')).toBe('attic is retired: no work, and no vote.\n')
  expect(await said('retire', 'attic', '--off')).toBe('attic is in service again.\n')
  expect(control.ordered).toStrictEqual([
    { ...ASKED, field: 'quarantine', reason: 'smoke' },
    { ...ASKED, field: 'quarantine', on: false },
    { ...ASKED, field: 'maintenance', until: { inMs: 7_200_000 }, drainMs: 1_800_000 },
    { ...ASKED, field: 'maintenance' },
    { ...ASKED, field: 'maintenance', on: false },
    { ...ASKED, field: 'retire' },
    { ...ASKED, field: 'retire', on: false },
  ])
})

test('maintenance --until: a time with a zone is that moment, one without is local', async () => {
  const control = new FakeControl()
  for (const time of ['2026-11-22T08:00Z', '2026-11-22T08:00:30+01:00', '2026-11-22T08:00', '2026-11-22'])
    expect((await cli(['admin', 'maintenance', 'attic', '--until', time], { control })).code).toBe(0)
  expect(control.ordered.map(({ until }) => until)).toStrictEqual([
    { atUnixMs: Date.UTC(2026, 10, 22, 8) },
    { atUnixMs: Date.UTC(2026, 10, 22, 7, 0, 30) },
    { atUnixMs: new Date(2026, 10, 22, 8).getTime() },
    { atUnixMs: new Date(2026, 10, 22).getTime() },
  ])
})

test.each([
  [['maintenance', 'attic', '--until', 'tomorrow'], '--until is "tomorrow"'],
  [['maintenance', 'attic', '--until', '2026-13-01T08:00'], '--until is "2026-13-01T08:00"'],
  [['maintenance', 'attic', '--for', '2 hours'], '--for is "2 hours"'],
  [['maintenance', 'attic', '--deadline', '400d'], '--deadline is "400d"'],
  [['maintenance', 'attic', '--for', '1h', '--until', '2026-11-22'], "'--for <duration>'"],
  [['maintenance', 'attic', '--off', '--for', '1h'], '--off is "with an end or a deadline"'],
  [['quarantine', 'attic', '--reason', ''], '--reason is ""'],
  [['quarantine', 'attic', '--reason', 'x'.repeat(LIMITS.orderReasonCharsMax + 1)], '--reason is "xxx'],
  [['quarantine'], "missing required argument 'node'"],
  [['retire', 'attic'], 'retire is "attic"'],
])('admin %j: wrong use is told before anything is asked', async (argv, message) => {
  const control = new FakeControl()
  const { code, err } = await cli(['admin', ...argv], { control })
  expect(err).toContain(message)
  expect(code).toBe(2)
  expect(control.ordered).toEqual([])
})

test('admin orders: the last word on each node, lifted ones included', async () => {
  expect((await cli(['admin', 'orders'])).out).toBe(
    `NODE   ORDER        STATE   UNTIL  DEADLINE  BY     GIVEN      REASON
attic  quarantine   on      -      -         desk   1 min ago  smoke
nas    maintenance  lifted  -      -         attic  5 s ago    -
`,
  )
  const control = new FakeControl()
  control.orders = () => []
  expect((await cli(['admin', 'orders'], { control })).out).toBe('No orders.\n')
})

test('nodes: a column for orders when there is one, and whether the node has confirmed it', async () => {
  const orders = { ...UNCONFIRMED, quarantined: true, maintenanceUntilUnixMs: unixMs(NOW + 3_600_000) }
  const { out } = await cli(['nodes'], { control: seen([{ orders }]) })
  const [head = '', desk = '', attic = ''] = out.split('\n')
  expect(head).toContain('REMOTE  ORDERS ')
  expect(desk).toMatch(/off {5}- +0/)
  expect(attic).toContain('quarantined, maintenance until 2026-11-18 12:06 UTC (not confirmed)')
})

test('drain: gives the order and returns', async () => {
  const control = new FakeControl()
  const { code, out, err } = await cli(['drain', 'attic', '--deadline', '30m'], { control })
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toContain('attic is in maintenance: no new work, and what still runs at')
  expect(control.ordered).toStrictEqual([{ ...ASKED, field: 'maintenance', drainMs: 1_800_000 }])
})

test('drain --wait: tells each change, believes no count from before the order, and ends when nothing runs', async () => {
  const control = seen([
    { orders: UNCONFIRMED, runningTasks: 0 },
    { orders: FOLLOWED, runningTasks: 2 },
    { orders: FOLLOWED, runningTasks: 2 },
    { orders: FOLLOWED, runningTasks: 1 },
    { orders: FOLLOWED, runningTasks: 0 },
  ])
  const { code, out, err } = await cli(['drain', 'attic', '--wait'], { control })
  expect(err).toBe(`attic is in maintenance: no new work, and what runs there may finish.
attic: no answer yet.
attic: 2 tasks still running.
attic: 1 task still running.
`)
  expect({ code, out }).toEqual({ code: 0, out: 'attic is drained.\n' })
  expect(control.pausedMs).toBe(4000)
})

test('drain --wait: the deadline comes first, and the exit code says so', async () => {
  const control = seen([{ orders: FOLLOWED, runningTasks: 3 }])
  const { code, out, err } = await cli(['drain', 'attic', '--deadline', '10s', '--wait'], { control })
  expect(err).toContain('attic: 3 tasks still running, 10 s until the deadline.\n')
  expect(err).toContain('attic is not drained, and the deadline has passed: 3 tasks still running')
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(control.pausedMs).toBe(10_000)
})

test('drain --wait: a node that is away is waited for, one that is taken back is not', async () => {
  const control = seen([{ status: 'dead', orders: UNCONFIRMED }, { orders: NO_ORDERS }])
  const { code, err } = await cli(['drain', 'attic', '--wait'], { control })
  expect(err).toContain('attic: dead; the order reaches it when it is back.\n')
  expect(err).toContain('the drain of attic was cancelled')
  expect(code).toBe(1)
})
