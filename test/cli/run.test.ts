import { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { CodedError, type LeaseId, MiB, taskId } from '../../src/base/index.ts'
import { type Sink, streamSink } from '../../src/cli/index.ts'
import type { RunEvent, TaskView } from '../../src/node/control/index.ts'
import {
  ATTIC,
  abortOf,
  DESK,
  FakeControl,
  NOW,
  output,
  QUEUED,
  result,
  stateEvent,
} from '../node/control/fake-control.ts'
import { calling, cli } from './support.ts'

const EVENTS: readonly RunEvent[] = [
  stateEvent({ state: 'queued' }),
  stateEvent({ state: 'offered', node: ATTIC, leaseId: 17 as LeaseId, reason: 'populi_remote_lease_hold' }),
  stateEvent({ state: 'running', node: ATTIC, leaseId: 17 as LeaseId, reason: 'populi_remote_lease_hold' }),
  output('stdout', 'step 1\n'),
  output('stderr', 'warning\n'),
  stateEvent({ state: 'fallback', node: ATTIC, reason: 'worker_lost', detail: 'attic was lost\nat step 1' }),
  stateEvent({ state: 'running', node: DESK, leaseId: 23 as LeaseId }),
  output('stdout', 'step 1\n'),
  stateEvent({ state: 'completed', node: DESK }),
  result({ node: DESK }),
]

function controlOf(...events: readonly RunEvent[]): FakeControl {
  const control = new FakeControl()
  control.onRun = async (_, report) => {
    for (const event of events) await report(event)
  }
  return control
}

test("output goes where the command wrote it, the task's way is told on standard error", async () => {
  expect(await cli(['run', '--', 'train'], { control: controlOf(...EVENTS) })).toStrictEqual({
    code: 0,
    out: 'step 1\nstep 1\n',
    err: `populi: task 81 queued
populi: task 81 offered on attic, lease 17: runs on another node, under a lease (populi_remote_lease_hold)
populi: task 81 running on attic, lease 17
warning
populi: task 81 fallback on attic: attic was lost\\nat step 1
populi: task 81 running on desk, lease 23
populi: task 81 completed on desk: exit code 0
`,
  })
})

test('-q: only the output of the command', async () => {
  expect(await cli(['run', '-q', '--', 'train'], { control: controlOf(...EVENTS) })).toStrictEqual({
    code: 0,
    out: 'step 1\nstep 1\n',
    err: 'warning\n',
  })
})

const FAILED: Partial<TaskView> = { state: 'failed', exitCode: undefined }

test.each([
  [{ state: 'failed', exitCode: 7 }, 7, ''],
  [{ ...FAILED, signal: 'SIGKILL' }, 137, ''],
  [{ ...FAILED, signal: 'SIGTERM', error: 'ended after 5 s' }, 143, ''],
  [
    { ...FAILED, node: undefined, error: 'command not found: x' },
    1,
    'populi: task 81 failed: command not found: x\n',
  ],
  [{ ...FAILED, state: 'cancelled' }, 1, 'populi: task 81 cancelled on attic\n'],
] as const)(
  '-q with the result %j: exit code %i, and words only when nothing ran',
  async (fields, code, err) => {
    expect(await cli(['run', '-q', 'x'], { control: controlOf(result(fields)) })).toStrictEqual({
      code,
      out: '',
      err,
    })
  },
)

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('options before the command are ours, all after it are its own', async () => {
  const control = new FakeControl()
  const argv = [
    'run',
    '--on',
    'attic',
    '--env',
    'A=1',
    '--env',
    'B=x=y',
    '--env',
    'A=',
    '--cwd',
    'sub',
    '--timeout',
    '10m',
    '--deadline',
    '2h',
    '--fallback',
    'none',
  ]
  expect(
    (await cli([...argv, 'ls', '-l', '--json', '--', '-x'], { control, env: { TRACEPARENT: TRACE } })).code,
  ).toBe(0)
  expect((await cli(['run', '--', '--weird', '--on', 'x'], { control })).code).toBe(0)
  expect(control.runs).toStrictEqual([
    {
      argv: ['ls', '-l', '--json', '--', '-x'],
      cwd: '/home/anna/dir/sub',
      env: { A: '', B: 'x=y' },
      on: 'attic',
      timeoutMs: 600_000,
      fallback: 'none',
      deadlineUnixMs: NOW + 7_200_000,
      traceparent: TRACE,
    },
    {
      argv: ['--weird', '--on', 'x'],
      cwd: undefined,
      env: {},
      on: undefined,
      timeoutMs: undefined,
      fallback: undefined,
      deadlineUnixMs: undefined,
      traceparent: undefined,
    },
  ])
})

test.each([
  ['--deadline', '2026-11-18T11:00Z', 'a time in the future, or a duration such as 2h'],
  ['--deadline', 'tomorrow', 'a time such as 2026-11-22T08:00 (local) or 2026-11-22T08:00Z'],
  ['--deadline', '5weeks', 'a number and a unit (ms, s, m, h, d) such as 30s or 15m, at most 596h'],
  ['--fallback', 'maybe', 'one of local, none'],
])('%s %s is refused, with what it accepts', async (flag, value, accepts) => {
  const control = new FakeControl()
  const { code, err } = await cli(['run', flag, value, 'x'], { control })
  expect({ code, runs: control.runs }).toStrictEqual({ code: 2, runs: [] })
  expect(err).toMatch(`populi: ${flag} is "`)
  expect(err).toContain(`hint: give ${accepts}`)
})

test('an error instead of a result: its exit code and hint', async () => {
  const control = new FakeControl()
  control.onRun = () => Promise.reject(new CodedError('task.no_such_node', { node: 'moon' }))
  expect(await cli(['run', '--on', 'moon', 'x'], { control })).toStrictEqual({
    code: 3,
    out: '',
    err: 'populi: there is no node "moon" in this mesh\n  hint: `populi nodes` lists them\n',
  })
})

/** Runs until it is cancelled, like a node with one task. */
class CancellableControl extends FakeControl {
  readonly aborted = Promise.withResolvers<void>()
  readonly started = Promise.withResolvers<void>()
  private readonly ended = new AbortController()

  constructor(first: readonly RunEvent[], end: RunEvent) {
    super()
    this.onRun = async (_, report, signal) => {
      for (const event of first) await report(event)
      this.started.resolve()
      void abortOf(signal).then(() => this.aborted.resolve())
      await abortOf(AbortSignal.any([signal, this.ended.signal]))
      if (!signal.aborted) await report(end)
    }
  }

  override async cancel(id: typeof QUEUED.taskId): Promise<TaskView> {
    this.cancelled.push(id)
    this.ended.abort()
    return QUEUED
  }
}

test('Ctrl-C cancels the task and waits for its end', async () => {
  const control = new CancellableControl(
    [stateEvent({ state: 'running' })],
    result({ state: 'cancelled', exitCode: undefined, signal: 'SIGTERM' }),
  )
  const call = calling(['run', 'sleep', '600'], { control })
  await control.started.promise
  call.interrupt()
  expect(await call.ended).toStrictEqual({
    code: 143,
    out: '',
    err: `populi: task 81 running
populi: cancelling task 81; interrupt again to leave at once
populi: task 81 cancelled on attic: ended by SIGTERM
`,
  })
  expect(control.cancelled).toStrictEqual([taskId('81')])
})

test('Ctrl-C on a task that never ran: exit code 130', async () => {
  const control = new CancellableControl(
    [stateEvent({})],
    result({ state: 'cancelled', exitCode: undefined }),
  )
  const call = calling(['run', 'x'], { control })
  await control.started.promise
  call.interrupt()
  expect((await call.ended).code).toBe(130)
})

test('a second Ctrl-C leaves at once, says where to look, and the node hears it', async () => {
  const control = new CancellableControl([stateEvent({ state: 'running' })], result())
  control.cancel = () => new Promise(() => undefined)
  const call = calling(['run', 'x'], { control })
  await control.started.promise
  call.interrupt()
  call.interrupt()
  const { code, err } = await call.ended
  expect(code).toBe(130)
  expect(err).toContain('populi: left; this node goes on cancelling: `populi task 81` shows its end\n')
  await control.aborted.promise
})

test('Ctrl-C before the task has an id leaves at once', async () => {
  const control = new CancellableControl([], result())
  const call = calling(['run', 'x'], { control })
  await control.started.promise
  call.interrupt()
  expect((await call.ended).code).toBe(130)
  expect(control.cancelled).toStrictEqual([])
})

test('Ctrl-C in the moment in which the task ends: its result counts', async () => {
  const control = new CancellableControl([stateEvent({ state: 'running' })], result())
  const { cancel } = control
  control.cancel = async (id) => {
    await cancel.call(control, id)
    throw new CodedError('task.ended', { taskId: id })
  }
  const call = calling(['run', 'x'], { control })
  await control.started.promise
  call.interrupt()
  expect((await call.ended).code).toBe(0)
})

test('a cancel that fails is told, and we leave', async () => {
  const control = new CancellableControl([stateEvent({ state: 'running' })], result())
  control.cancel = () => Promise.reject(new CodedError('net.queue_full', { peer: 'attic' }))
  const call = calling(['run', 'x'], { control })
  await control.started.promise
  call.interrupt()
  const { code, err } = await call.ended
  expect(code).toBe(130)
  expect(err).toContain('populi: too much is waiting to be sent to attic\n')
})

test('a reader of our output that stands still stops the command; Ctrl-C twice leaves all the same', async () => {
  let produced = 0
  const control = new FakeControl()
  control.onRun = async (_, report) => {
    await report(stateEvent({ state: 'running' }))
    for (;;) {
      produced += MiB
      await report(output('stdout', Buffer.alloc(MiB)))
    }
  }
  const call = calling(['run', 'yes'], { control, stdout: sinkThat(() => undefined) })
  await expect.poll(() => produced).toBeGreaterThan(0)
  call.interrupt()
  call.interrupt()
  expect((await call.ended).code).toBe(130)
  expect(produced).toBe(MiB)
})

test('a reader of our output that went away ends the command without a word', async () => {
  const control = controlOf(output('stdout', 'x'), result())
  const gone = sinkThat((done) => done(Object.assign(new Error('EPIPE'), { code: 'EPIPE' })))
  expect(await cli(['run', '-q', 'yes'], { control, stdout: gone })).toMatchObject({ code: 1, err: '' })
})

test('a full disk under our output is told', async () => {
  const control = controlOf(output('stdout', 'x'), result())
  const full = sinkThat((done) => done(Object.assign(new Error('full'), { code: 'ENOSPC' })))
  const { code, err } = await cli(['run', '-q', 'x'], { control, stdout: full })
  expect(code).toBe(6)
  expect(err).toMatch(/^populi: cannot write to standard output: ENOSPC\n/)
})

function sinkThat(write: (done: (error?: Error) => void) => void): Sink {
  return streamSink(new Writable({ write: (_, __, done) => write(done) }), 'standard output')
}
