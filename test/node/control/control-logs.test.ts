/** `submit`, `logs` and `wait` over the socket. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CodedError, MiB, taskId } from '../../../src/base/index.ts'
import { ControlClient, type LogEvent, type LogRequest } from '../../../src/node/control/index.ts'
import { encodeFrame } from '../../../src/node/control/run-frames.ts'
import { abortOf, DONE, QUEUED } from './fake-control.ts'
import { impostor, loopTurns, REQUEST, started, temporaryFolder } from './harness.ts'

const noSignal = new AbortController().signal
const LOGS: LogRequest = { taskId: taskId('81'), follow: true, tail: { lines: 3 } }

test('submit: the request arrives as it was, and the task comes back', async () => {
  const { client, control } = await started()
  const request = {
    ...REQUEST,
    fallback: 'none',
    deadlineUnixMs: 1_795_000_000_001,
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  } as typeof REQUEST
  expect(await client.submit(request)).toStrictEqual({ ...QUEUED, attached: false })
  expect(control.submitted).toStrictEqual([request])
})

test.each([{ fallback: 'maybe' }, { deadlineUnixMs: 0 }, { traceparent: 'x'.repeat(257) }, { argv: [] }])(
  'submit of %j is refused',
  async (fields) => {
    const { client, control } = await started()
    const request = { ...REQUEST, ...fields } as typeof REQUEST
    await expect(client.submit(request)).rejects.toMatchObject({ code: 'wire.malformed' })
    expect(control.submitted).toStrictEqual([])
  },
)

test('logs: the request reaches the node, and output and gaps come back in order, byte for byte', async () => {
  const { client, control } = await started()
  const events: LogEvent[] = [
    { type: 'missing', bytes: 12 },
    { type: 'output', stream: 'stdout', chunk: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
    { type: 'output', stream: 'stderr', chunk: Buffer.from('\0é') },
  ]
  control.onLogs = async (_, report) => {
    for (const event of events) await report(event)
  }
  const seen: LogEvent[] = []
  await client.logs(LOGS, async (event) => void seen.push(plain(event)), noSignal)
  expect(control.logRequests).toStrictEqual([LOGS])
  expect(seen).toStrictEqual(events.map(plain))
})

test('logs: a slow reader slows the reading, and nothing piles up', async () => {
  const { client, control } = await started()
  const total = 16 * MiB
  let produced = 0
  let consumed = 0
  let inFlightMax = 0
  control.onLogs = async (_, report) => {
    const chunk = Buffer.alloc(256 * 1024, 'y')
    for (; produced < total; produced += chunk.length)
      await report({ type: 'output', stream: 'stdout', chunk })
  }
  const slowly = async (event: LogEvent) => {
    await loopTurns(3)
    if (event.type === 'output') consumed += event.chunk.length
    inFlightMax = Math.max(inFlightMax, produced - consumed)
  }
  await client.logs(LOGS, slowly, noSignal)
  expect(consumed).toBe(total)
  expect(inFlightMax).toBeLessThan(4 * MiB)
})

test('logs: a reader that goes away is heard of', async () => {
  const { client, control } = await started()
  const abort = new AbortController()
  const heard = Promise.withResolvers<void>()
  control.onLogs = async (_, report, signal) => {
    await report({ type: 'output', stream: 'stdout', chunk: Buffer.from('x') })
    await abortOf(signal)
    heard.resolve()
    throw new CodedError('node.stopping')
  }
  const reading = client.logs(LOGS, async () => abort.abort(), abort.signal)
  await expect(reading).rejects.toMatchObject({ code: 'operation.cancelled' })
  await heard.promise
})

test('logs and wait of a task that nobody knows: the error of the node', async () => {
  const { client, control } = await started()
  const unknown = () => Promise.reject(new CodedError('task.unknown', { taskId: '81' }))
  control.onLogs = unknown
  control.onWait = unknown
  await expect(client.logs(LOGS, async () => undefined, noSignal)).rejects.toMatchObject({
    code: 'task.unknown',
  })
  await expect(client.wait(taskId('81'), noSignal)).rejects.toMatchObject({ code: 'task.unknown' })
})

test('wait: the task comes when it has ended; a node that stops before says that it does', async () => {
  const { client, control, server } = await started()
  const end = Promise.withResolvers<void>()
  const waiting = Promise.withResolvers<void>()
  control.onWait = async (id, signal) => {
    if (id === DONE.taskId) {
      await end.promise
      return DONE
    }
    waiting.resolve()
    await abortOf(signal)
    throw new CodedError('node.stopping')
  }
  const first = client.wait(DONE.taskId, noSignal)
  end.resolve()
  expect(await first).toStrictEqual(DONE)
  const second = client.wait(taskId('82'), noSignal)
  await waiting.promise
  await server.stop()
  await expect(second).rejects.toMatchObject({ code: 'node.stopping' })
})

test.each(['logs', 'wait'] as const)('%s: a node that dies in the middle is no end', async (call) => {
  const folder = await temporaryFolder()
  const frame = call === 'logs' ? encodeFrame('stdout', 'half') : new Uint8Array()
  await impostor(join(folder, 'control.sock'), (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      if (frame.length > 0) {
        socket.write(`${frame.length.toString(16)}\r\n`)
        socket.write(frame)
        socket.write('\r\n')
      }
      setImmediate(() => socket.destroy())
    })
  })
  const client = new ControlClient(folder)
  const asked =
    call === 'logs' ? client.logs(LOGS, async () => undefined, noSignal) : client.wait(taskId('81'), noSignal)
  await expect(asked).rejects.toMatchObject({ code: 'control.interrupted' })
})

const plain = (event: LogEvent): LogEvent =>
  event.type === 'output' ? { ...event, chunk: Uint8Array.from(event.chunk) } : event
