import { expect, test } from 'vitest'
import { CodedError, LIMITS } from '../../src/base/index.ts'
import { abortOf, EVENTS, FakeControl, NOW } from '../node/control/fake-control.ts'
import { calling, cli } from './support.ts'

test('one line per event: time, type, node, what happened and why, the facts', async () => {
  const { code, out, err } = await cli(['events'])
  expect({ code, err }).toStrictEqual({ code: 0, err: '' })
  expect(out).toBe(
    [
      `${new Date(NOW - 5000).toISOString()}  member:dead               attic     is taken for dead (no_refutation)  was=suspect incarnation=3`,
      `${new Date(NOW - 4000).toISOString()}  authority:leader_lost     -         is not known to lead any more, and nobody else is`,
      '',
    ].join('\n'),
  )
})

test('--json: one object per line, and what is absent is null', async () => {
  for (const argv of [
    ['events', '--json'],
    ['events', '--json', '--follow'],
  ]) {
    const { out } = await cli(argv)
    const lines = out.trimEnd().split('\n')
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual(
      EVENTS.map((event) => ({ ...event, node: event.node ?? null, reason: event.reason ?? null })),
    )
  }
})

test.each([
  [[], { kinds: [], node: undefined, sinceUnixMs: undefined, limit: 100 }],
  [['--follow'], { kinds: [], node: undefined, sinceUnixMs: undefined, limit: 10 }],
  [
    ['--kind', 'member', '--kind', 'link', '--node', 'attic', '--limit', '0'],
    { kinds: ['member', 'link'], node: 'attic', sinceUnixMs: undefined, limit: 0 },
  ],
  [
    ['--since', '10m'],
    { kinds: [], node: undefined, sinceUnixMs: NOW - 600_000, limit: 2 * LIMITS.eventsKept },
  ],
  [
    ['-f', '--since', '1s', '--limit', '5'],
    { kinds: [], node: undefined, sinceUnixMs: NOW - 1000, limit: 5 },
  ],
])('events %j asks for %j', async (options, query) => {
  const control = new FakeControl()
  await cli(['events', ...options], { control })
  expect(control.eventQueries).toEqual([query])
})

test.each([
  [['--kind', 'tasks'], 'populi: --kind is "tasks"\n  hint: give one of node, member, link'],
  [['--limit', '-1'], 'populi: --limit is "-1"\n  hint: give a whole number from 0 to 20000'],
  [['--limit', '20001'], 'populi: --limit is "20001"'],
  [['--since', '10'], 'populi: --since is "10"'],
])('events %j is wrong use', async (options, said) => {
  const { code, out, err } = await cli(['events', ...options])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(said)
})

test('--follow: each event is written when it comes; Ctrl-C is how one stops looking, and no failure', async () => {
  const control = new FakeControl()
  const told = Promise.withResolvers<void>()
  control.onFollow = async (_, report, signal) => {
    for (const event of EVENTS) await report({ type: 'event', event })
    told.resolve()
    await abortOf(signal)
    throw new CodedError('operation.cancelled', { what: 'the command' })
  }
  const call = calling(['events', '--follow'], { control })
  await told.promise
  call.interrupt()
  const { code, out, err } = await call.ended
  expect({ code, err }).toStrictEqual({ code: 0, err: '' })
  expect(out.split('\n')).toHaveLength(3)
})

test('--follow: what was missed is told beside the events, and as an object with --json', async () => {
  const control = new FakeControl()
  control.onFollow = async (_, report) => report({ type: 'missed', count: 12 })
  const plain = await cli(['events', '--follow'], { control })
  expect(plain).toEqual({
    code: 0,
    out: '',
    err: 'populi: 12 events were missed: this reader is too slow\n',
  })
  expect(await cli(['events', '--follow', '--json'], { control })).toEqual({
    code: 0,
    out: '{"missed":12}\n',
    err: '',
  })
})

test('--follow: a node that goes away is a failure with its exit code', async () => {
  const control = new FakeControl()
  control.onFollow = () =>
    Promise.reject(new CodedError('control.interrupted', { what: 'the events', look: 'populi status' }))
  expect(await cli(['events', '--follow'], { control })).toMatchObject({ code: 5, out: '' })
})

test('names and facts from elsewhere cannot move the cursor, and a type of a newer node is shown as it is', async () => {
  const control = new FakeControl()
  const [event] = EVENTS
  if (event === undefined) expect.fail('no event')
  const odd = { ...event, type: 'member:\u001b[2J', reason: '\u001b]0;x', detail: { text: 'a\nb' } }
  control.events = () => [odd]
  const { out } = await cli(['events'], { control })
  expect(out).not.toContain('\u001b')
  expect(out.split('\n')).toHaveLength(2)
})
