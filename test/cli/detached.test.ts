/** `submit`, `logs` and `wait`: what goes on without its user. */
import { expect, test } from 'vitest'
import { CodedError, taskId, unixMs } from '../../src/base/index.ts'
import type { TaskView } from '../../src/node/control/index.ts'
import { abortOf, DONE, FakeControl, NOW, QUEUED } from '../node/control/fake-control.ts'
import { calling, cli } from './support.ts'

const left = () => new CodedError('operation.cancelled', { what: 'the command' })

test('submit: takes the options of run and prints the id, for a script', async () => {
  const control = new FakeControl()
  const argv = [
    'submit',
    '--on',
    'attic',
    '--env',
    'A=1',
    '--deadline',
    '2h',
    '--fallback',
    'none',
    '--',
    'train',
    '-q',
  ]
  expect(await cli(argv, { control })).toStrictEqual({ code: 0, out: '82\n', err: '' })
  expect(control.submitted).toStrictEqual([
    {
      argv: ['train', '-q'],
      cwd: undefined,
      env: { A: '1' },
      on: 'attic',
      timeoutMs: undefined,
      fallback: 'none',
      deadlineUnixMs: unixMs(NOW + 7_200_000),
      traceparent: undefined,
    },
  ])
})

test('submit on a terminal says how to see the output; --json gives the task', async () => {
  const { out, err } = await cli(['submit', 'x'], { columns: 80 })
  expect([out, err]).toStrictEqual(['82\n', 'populi: `populi logs -f 82` follows its output\n'])
  const json = await cli(['submit', '--json', 'x'], { columns: 80 })
  expect(JSON.parse(json.out)).toMatchObject({ taskId: '82', attached: false, state: 'queued' })
  expect(json.err).toBe('')
})

test('logs: each byte goes where the task wrote it; what is missing is told where it is missing', async () => {
  const control = new FakeControl()
  control.onLogs = async (_, report) => {
    await report({ type: 'missing', bytes: 70 })
    await report({ type: 'output', stream: 'stdout', chunk: Buffer.from('step 8\n') })
    await report({ type: 'output', stream: 'stderr', chunk: Buffer.from('warning\n') })
  }
  expect(await cli(['logs', '81'], { control })).toStrictEqual({
    code: 0,
    out: 'step 8\n',
    err: 'populi: here 70 bytes of task 81 are missing: they are not kept any more\nwarning\n',
  })
  const { out } = await cli(['logs', '--json', '81'], { control })
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toStrictEqual([
    { type: 'missing', bytes: 70 },
    { type: 'output', stream: 'stdout', base64: Buffer.from('step 8\n').toString('base64') },
    { type: 'output', stream: 'stderr', base64: Buffer.from('warning\n').toString('base64') },
  ])
})

test.each([
  [[], { follow: false, tail: undefined }],
  [['-f'], { follow: true, tail: undefined }],
  [['--tail', '0'], { follow: false, tail: { lines: 0 } }],
  [['-f', '--tail', '100'], { follow: true, tail: { lines: 100 } }],
  [['--tail', '64KiB'], { follow: false, tail: { bytes: 65_536 } }],
  [['--tail', '7B'], { follow: false, tail: { bytes: 7 } }],
])('logs %j asks for %j', async (options, asked) => {
  const control = new FakeControl()
  await cli(['logs', ...options, '81'], { control })
  expect(control.logRequests).toStrictEqual([{ taskId: taskId('81'), ...asked }])
})

test.each(['all', '-1', '3kB', '1000001', ''])('logs --tail %j is refused', async (value) => {
  const { code, err } = await cli(['logs', '--tail', value, '81'])
  expect(code).toBe(2)
  expect(err).toContain('or of bytes with a unit (B, KiB, MiB) such as 64KiB')
})

test('logs -f: Ctrl-C stops looking, and that is no failure', async () => {
  const control = new FakeControl()
  const started = Promise.withResolvers<void>()
  control.onLogs = async (_, report, signal) => {
    await report({ type: 'output', stream: 'stdout', chunk: Buffer.from('one\n') })
    started.resolve()
    await abortOf(signal)
    throw left()
  }
  const call = calling(['logs', '-f', '81'], { control })
  await started.promise
  call.interrupt()
  expect(await call.ended).toStrictEqual({ code: 0, out: 'one\n', err: '' })
  expect(control.cancelled).toStrictEqual([])
})

test('logs: a connection that broke is no end of the task', async () => {
  const control = new FakeControl()
  control.onLogs = () =>
    Promise.reject(
      new CodedError('control.interrupted', { what: 'the output of task 81', look: 'populi logs 81' }),
    )
  expect((await cli(['logs', '-f', '81'], { control })).code).toBe(5)
})

test.each<[Partial<TaskView>, number]>([
  [{}, 0],
  [{ state: 'failed', exitCode: 7 }, 7],
  [{ state: 'failed', exitCode: undefined, signal: 'SIGKILL' }, 137],
  [{ state: 'failed', exitCode: undefined, error: 'command not found: x' }, 1],
  [{ state: 'cancelled', exitCode: undefined }, 1],
  [{ state: 'completed', exitCode: undefined }, 0],
])('wait: a task that ended with %j makes the exit code %i', async (fields, code) => {
  const control = new FakeControl()
  control.onWait = async () => ({ ...DONE, ...fields })
  expect(await cli(['wait', '-q', '81'], { control })).toStrictEqual({ code, out: '', err: '' })
})

test('wait for several: each is said when it ends, and the first in the list that failed makes the exit code', async () => {
  const control = new FakeControl()
  const later = Promise.withResolvers<void>()
  control.onWait = async (id) => {
    if (id === '82') await later.promise
    const exitCode = id === '81' ? 0 : Number(id)
    if (id === '83') later.resolve()
    return { ...DONE, taskId: id, state: exitCode === 0 ? 'completed' : 'failed', exitCode }
  }
  expect(await cli(['wait', '81', '82', '83'], { control })).toStrictEqual({
    code: 82,
    out: 'Task 81 completed on attic: exit code 0.\nTask 83 failed on attic: exit code 83.\nTask 82 failed on attic: exit code 82.\n',
    err: '',
  })
})

test('wait: Ctrl-C leaves the tasks as they are (130); an unknown task ends the wait for the others', async () => {
  const control = new FakeControl()
  const started = Promise.withResolvers<void>()
  control.onWait = async (id, signal) => {
    started.resolve()
    if (id === '99') throw new CodedError('task.unknown', { taskId: id })
    await abortOf(signal)
    throw left()
  }
  const call = calling(['wait', '81'], { control })
  await started.promise
  call.interrupt()
  expect((await call.ended).code).toBe(130)
  expect(control.cancelled).toStrictEqual([])
  const { code, err } = await cli(['wait', '81', '99'], { control })
  expect(code).toBe(3)
  expect(err).toMatch(/^populi: no task 99 on this node\n/)
})

test('wait --json: one task per line', async () => {
  const control = new FakeControl()
  control.onWait = async (id) => ({ ...QUEUED, taskId: id, state: 'cancelled', endedUnixMs: unixMs(NOW) })
  const { out } = await cli(['wait', '--json', '81', '82'], { control })
  expect(
    out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).taskId),
  ).toStrictEqual(['81', '82'])
})
