import { expect, test } from 'vitest'
import {
  DETAIL,
  DONE,
  FakeControl,
  INVITE,
  LEASES,
  LONE_STATUS,
  NODES,
  output,
  QUEUED,
  result,
  STATUS,
  stateEvent,
} from '../node/control/fake-control.ts'
import { cli } from './support.ts'

/** As JSON has it: what is not there is null, not missing. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, field) => field ?? null))

const IDENTITY = { nodeId: 'desk', scopeId: STATUS.scopeId, peerId: STATUS.peerId, dataDir: '/d' }

test.each([
  [['init', '--data-dir', '/d'], IDENTITY],
  [['join', 'x', '--data-dir', '/d'], IDENTITY],
  [['invite'], INVITE],
  [['status'], STATUS],
  [['nodes'], NODES],
  [['leases'], LEASES],
  [['tasks'], [QUEUED, DONE]],
  [['task', '81'], DETAIL],
  [['version'], { version: '0.1.0', runtime: process.version }],
])('%j --json: one document on standard output and nothing else', async (argv, expected) => {
  const { code, out, err } = await cli([...argv, '--json'], { columns: 80 })
  expect({ code, err }).toStrictEqual({ code: 0, err: '' })
  expect(out.split('\n')).toHaveLength(2)
  expect(JSON.parse(out)).toStrictEqual(json(expected))
})

test('a field without value is null', async () => {
  const control = new FakeControl()
  control.currentStatus = LONE_STATUS
  expect(JSON.parse((await cli(['status', '--json'], { control })).out)).toHaveProperty(
    'authority.leader',
    null,
  )
  expect(JSON.parse((await cli(['task', '81', '--json'])).out)).toHaveProperty('signal', null)
})

test('run --json: an event per line, output in base64, the exit code of the command', async () => {
  const control = new FakeControl()
  const state = stateEvent({ state: 'running' })
  control.onRun = async (_, report) => {
    await report(state)
    await report(output('stderr', Uint8Array.of(0xff, 0x00, 0x0a)))
    await report(result({ exitCode: 3 }))
  }
  const { code, out, err } = await cli(['run', '--json', '--', 'x'], { control })
  expect({ code, err }).toStrictEqual({ code: 3, err: '' })
  const lines = out.trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line))).toStrictEqual([
    json(state),
    { type: 'output', stream: 'stderr', base64: '/wAK' },
    json({ type: 'result', task: { ...DONE, exitCode: 3 } }),
  ])
})
