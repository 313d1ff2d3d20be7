import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CodedError, LIMITS, MiB, taskId } from '../../../src/base/index.ts'
import { ControlClient, type RunEvent, toJson } from '../../../src/node/control/index.ts'
import { encodeFrame } from '../../../src/node/control/run-frames.ts'
import { abortOf, output, result, stateEvent } from './fake-control.ts'
import { impostor, loopTurns, REQUEST, started, temporaryFolder } from './harness.ts'

const noSignal = new AbortController().signal

/** In flight at most: two socket buffers and two stream buffers; far below what a run without back-pressure piles up. */
const IN_FLIGHT_BYTES_MAX = 4 * MiB

test('the request reaches the node, and its events come back in order, output byte for byte', async () => {
  const { client, control } = await started()
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
  const events = [stateEvent({}), output('stdout', bytes), output('stderr', '\0é'), result({ exitCode: 7 })]
  control.onRun = async (_, report) => {
    for (const event of events) await report(event)
  }
  const request = { argv: ['a', ''], cwd: '/x', env: { K: 'v=w' }, on: 'attic', timeoutMs: 5 }
  const seen: RunEvent[] = []
  await client.run(request, async (event) => void seen.push(plain(event)), noSignal)
  expect(control.runs).toStrictEqual([request])
  expect(seen).toStrictEqual(events.map(plain))
})

test('a chunk of output above the size of a frame arrives whole', async () => {
  const { client, control } = await started()
  const chunk = Buffer.alloc(LIMITS.controlFrameBytesMax * 2 + 1, 'ab')
  control.onRun = async (_, report) => {
    await report({ type: 'output', stream: 'stdout', chunk })
    await report(result())
  }
  const parts: Uint8Array[] = []
  await client.run(
    REQUEST,
    async (event) => void (event.type === 'output' && parts.push(event.chunk)),
    noSignal,
  )
  expect(Buffer.concat(parts).equals(chunk)).toBe(true)
})

test('endless output and a slow reader: the command waits, and little is in flight', async () => {
  const { client, control } = await started()
  const abort = new AbortController()
  let produced = 0
  let consumed = 0
  let inFlightMax = 0
  control.onRun = async (_, report, signal) => {
    const chunk = Buffer.alloc(64 * 1024, 'y')
    while (!signal.aborted) {
      produced += chunk.length
      await report({ type: 'output', stream: 'stdout', chunk })
    }
  }
  const slowly = async (event: RunEvent) => {
    await loopTurns(3)
    if (event.type === 'output') consumed += event.chunk.length
    inFlightMax = Math.max(inFlightMax, produced - consumed)
    if (consumed >= 64 * MiB) abort.abort()
  }
  await expect(client.run(REQUEST, slowly, abort.signal)).rejects.toMatchObject({
    code: 'operation.cancelled',
  })
  expect(inFlightMax).toBeLessThan(IN_FLIGHT_BYTES_MAX)
})

test('a reader that stands still stops the command until it reads on', async () => {
  const { client, control } = await started()
  const total = 16 * MiB
  let produced = 0
  control.onRun = async (_, report) => {
    const chunk = Buffer.alloc(64 * 1024, 'y')
    for (; produced < total; produced += chunk.length)
      await report({ type: 'output', stream: 'stdout', chunk })
    await report(result())
  }
  const gate = new AbortController()
  let consumed = 0
  const running = client.run(
    REQUEST,
    async (event) => {
      await abortOf(gate.signal)
      if (event.type === 'output') consumed += event.chunk.length
    },
    noSignal,
  )
  await expect.poll(() => produced).toBeGreaterThan(0)
  await loopTurns(2000)
  expect(produced).toBeLessThan(IN_FLIGHT_BYTES_MAX)
  gate.abort()
  await running
  expect(consumed).toBe(total)
})

test('abort: the call ends at once and the task of the node is aborted', async () => {
  const { client, control } = await started()
  const abort = new AbortController()
  const heard = new Promise<void>((resolve) => {
    control.onRun = async (_, report, signal) => {
      await report(stateEvent({ state: 'running' }))
      await abortOf(signal)
      resolve()
    }
  })
  const running = client.run(REQUEST, async () => abort.abort(), abort.signal)
  await expect(running).rejects.toMatchObject({ code: 'operation.cancelled' })
  await heard
  await expect(client.run(REQUEST, async () => undefined, abort.signal)).rejects.toMatchObject({
    code: 'operation.cancelled',
  })
})

test('a caller that vanishes while the node waits for it aborts the task; later events are dropped', async () => {
  const { control, dataDir } = await started()
  const ended = new Promise<void>((resolve) => {
    control.onRun = async (_, report, signal) => {
      while (!signal.aborted) await report(output('stdout', Buffer.alloc(64 * 1024)))
      await report(result({ state: 'cancelled' }))
      resolve()
    }
  })
  const body = JSON.stringify({ ...REQUEST, cwd: null, on: null, timeoutMs: null })
  const socket = connect(join(dataDir, 'control.sock'))
  socket.write(
    `POST /v1/run HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await expect.poll(() => control.runs.length).toBe(1)
  await loopTurns(100)
  socket.destroy()
  await ended
})

test('a reader that fails gets its own error back, and the task is aborted', async () => {
  const { client, control } = await started()
  const heard = new Promise<void>((resolve) => {
    control.onRun = async (_, report, signal) => {
      await report(output('stdout', 'x'))
      await abortOf(signal)
      resolve()
    }
  })
  const broken = new CodedError('store.write_failed', { path: 'out', reason: 'full' })
  await expect(client.run(REQUEST, () => Promise.reject(broken), noSignal)).rejects.toBe(broken)
  await heard
})

test('an error after the first event ends the stream with that error', async () => {
  const { client, control } = await started()
  control.onRun = async (_, report) => {
    await report(stateEvent({}))
    throw new CodedError('authority.no_leader')
  }
  const seen: string[] = []
  const running = client.run(REQUEST, async (event) => void seen.push(event.type), noSignal)
  await expect(running).rejects.toMatchObject({ code: 'authority.no_leader', exitCode: 5 })
  expect(seen).toStrictEqual(['state'])
})

const HEAD = 'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n'

test('a node that dies before the result: the caller learns where to look for the task', async () => {
  const dataDir = await temporaryFolder()
  let frames: readonly Uint8Array[] = []
  await impostor(join(dataDir, 'control.sock'), (socket) => {
    socket.once('data', () => {
      socket.write(HEAD)
      for (const frame of frames) socket.write(frame)
      socket.end()
    })
  })
  const run = () =>
    new ControlClient(dataDir)
      .run(REQUEST, async () => undefined, noSignal)
      .catch((error: CodedError) => error.toShape())
  expect(await run()).toStrictEqual({
    code: 'control.interrupted',
    message: 'the connection to the node broke before the task ended',
    hint: 'it may still run: `populi tasks` shows it',
  })
  frames = [encodeFrame('event', toJson(stateEvent({ taskId: taskId('7') })))]
  expect(await run()).toStrictEqual({
    code: 'control.interrupted',
    message: 'the connection to the node broke before task 7 ended',
    hint: 'it may still run: `populi task 7` shows it',
  })
  frames = [encodeFrame('event', '{"type":"result"}')]
  expect(await run()).toMatchObject({ code: 'wire.malformed' })
  frames = [Buffer.from([9, 0, 0, 0, 0])]
  expect(await run()).toMatchObject({ code: 'wire.malformed' })
  frames = [Buffer.from([1, 0xff, 0xff, 0xff, 0xff])]
  expect(await run()).toMatchObject({ code: 'wire.malformed' })
})

function plain(event: RunEvent): RunEvent {
  return event.type === 'output' ? { ...event, chunk: Uint8Array.from(event.chunk) } : event
}
