import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { CodedError, InvariantError, LIMITS, taskId } from '../../../src/base/index.ts'
import { ControlClient } from '../../../src/node/control/index.ts'
import {
  abortOf,
  DETAIL,
  DONE,
  INVITE,
  LEASES,
  LONE_STATUS,
  NODES,
  ORDERS,
  QUEUED,
  result,
  STATUS,
} from './fake-control.ts'
import { impostor, REQUEST, started, temporaryFolder } from './harness.ts'

const noSignal = new AbortController().signal

test('each view crosses the socket as it is, with the fields that have no value', async () => {
  const { client, control } = await started()
  expect(await client.status()).toStrictEqual(STATUS)
  expect(await client.nodes()).toStrictEqual(NODES)
  expect(await client.leases()).toStrictEqual(LEASES)
  expect(await client.tasks()).toStrictEqual([QUEUED, DONE])
  expect(await client.task(taskId('81'))).toStrictEqual(DETAIL)
  expect(await client.orders()).toStrictEqual(ORDERS)
  expect(await client.invite({ ttlMs: 900_000 })).toStrictEqual(INVITE)
  control.currentStatus = LONE_STATUS
  expect(await client.status()).toStrictEqual(LONE_STATUS)
  expect(control.invites).toStrictEqual([{ ttlMs: 900_000 }])
})

test('an order crosses the socket as it was asked for, and the answer is what holds', async () => {
  const { client, control } = await started()
  const request = { node: 'attic', field: 'maintenance', on: true, reason: undefined } as const
  const asked = { ...request, until: { inMs: 7000 }, drainMs: 5000 }
  expect(await client.order(asked)).toMatchObject({
    node: 'attic',
    untilUnixMs: expect.any(Number),
    reason: undefined,
  })
  expect(control.ordered).toStrictEqual([asked])
})

test('an order that makes no sense never reaches the node', async () => {
  const { client, control } = await started()
  const request = { node: 'attic', field: 'maintenance', on: true, reason: undefined } as const
  const sane = { ...request, until: undefined, drainMs: undefined }
  const refused = [
    { ...sane, node: '' },
    { ...sane, reason: '' },
    { ...sane, reason: 'x'.repeat(LIMITS.orderReasonCharsMax + 1) },
    { ...sane, drainMs: 0 },
    { ...sane, until: { inMs: LIMITS.orderSpanMsMax + 1 } },
    { ...sane, on: false, until: { inMs: 1000 } },
    { ...sane, field: 'quarantine' as const, drainMs: 1000 },
  ]
  for (const one of refused) await expect(client.order(one)).rejects.toMatchObject({ code: 'wire.malformed' })
  expect(control.ordered).toStrictEqual([])
})

test('cancel names the task and answers with it', async () => {
  const { client, control } = await started()
  expect((await client.cancel(taskId('82'))).state).toBe('cancelled')
  expect(control.cancelled).toStrictEqual(['82'])
})

test('an error of the node comes out with its code, sentence, hint and exit code', async () => {
  const { client } = await started()
  const error: unknown = await client.task(taskId('99')).catch((thrown: unknown) => thrown)
  const original = new CodedError('task.unknown', { taskId: '99' })
  expect(error).toBeInstanceOf(CodedError)
  expect((error as CodedError).toShape()).toStrictEqual(original.toShape())
  expect((error as CodedError).exitCode).toBe(3)
})

test('a broken invariant is told to the node, which has to stop', async () => {
  const { client, control, fatal } = await started()
  control.onRun = () => Promise.reject(new InvariantError('two owners'))
  await expect(client.run(REQUEST, async () => undefined, noSignal)).rejects.toMatchObject({
    code: 'internal',
  })
  expect(fatal.map((error) => error.message)).toStrictEqual(['two owners'])
})

test('no data directory and no node on it are different errors', async () => {
  const dataDir = await temporaryFolder()
  await expect(new ControlClient(join(dataDir, 'nowhere')).status()).rejects.toMatchObject({
    code: 'store.absent',
  })
  await expect(new ControlClient(dataDir).status()).rejects.toMatchObject({ code: 'node.not_running' })
})

test('a request that the schema refuses never reaches the node', async () => {
  const { client, control } = await started()
  const refused = [
    { ...REQUEST, argv: [] },
    { ...REQUEST, argv: [''] },
    { ...REQUEST, argv: ['a\0b'] },
    { ...REQUEST, env: { 'A=B': 'c' } },
    { ...REQUEST, timeoutMs: 0 },
  ]
  for (const request of refused)
    await expect(client.run(request, async () => undefined, noSignal)).rejects.toMatchObject({
      code: 'wire.malformed',
    })
  expect(control.runs).toStrictEqual([])
})

test('a request above the limit is refused by the caller and, where it comes all the same, by the node', async () => {
  const { client, dataDir } = await started()
  const argv = ['x'.repeat(LIMITS.controlRequestBytesMax)]
  await expect(client.run({ ...REQUEST, argv }, async () => undefined, noSignal)).rejects.toMatchObject({
    code: 'limit.exceeded',
  })
  const head = `POST /v1/run HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LIMITS.controlRequestBytesMax + 1}\r\n\r\n`
  expect(await rawAnswer(dataDir, head)).toMatch(/^HTTP\/1.1 413 [\s\S]*"code":"limit.exceeded"/)
})

test('garbage on the socket gets a refusal and the node goes on', async () => {
  const { client, dataDir } = await started()
  expect(await rawAnswer(dataDir, '\0\x01\xff\xfe garbage \r\n\r\n')).toMatch(/^HTTP\/1.1 400 /)
  const call = (line: string, body = '') =>
    `${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  expect(await rawAnswer(dataDir, call('POST /v1/run', '{"argv":'))).toMatch(/ 400 [\s\S]*"wire.malformed"/)
  expect(await rawAnswer(dataDir, call('GET /v1/nothing'))).toMatch(/ 400 [\s\S]*"wire.unknown_type"/)
  expect(await rawAnswer(dataDir, call('GET /v1/tasks/-1'))).toMatch(/ 400 [\s\S]*"input.invalid"/)
  expect(await client.status()).toStrictEqual(STATUS)
})

test('calls beyond the limit are refused with a code; the ones before go on', async () => {
  const { client, control } = await started()
  const release = new AbortController()
  control.onRun = async (_, report) => {
    await abortOf(release.signal)
    await report(result())
  }
  const calls = Array.from({ length: LIMITS.controlCallsMax }, () =>
    client.run(REQUEST, async () => undefined, noSignal),
  )
  await expect.poll(() => control.runs.length).toBe(LIMITS.controlCallsMax)
  await expect(client.status()).rejects.toMatchObject({ code: 'limit.exceeded' })
  release.abort()
  await Promise.all(calls)
  await vi.waitFor(async () => expect(await client.status()).toStrictEqual(STATUS), { timeout: 30_000 })
})

test('whatever else answers on the socket is told apart from a node', async () => {
  const dataDir = await temporaryFolder()
  const answers = [
    ['nonsense\r\n\r\n', 'wire.malformed'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{"a":1}', 'wire.malformed'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n???', 'wire.malformed'],
    ['HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n', 'wire.malformed'],
    ['HTTP/1.1 200 OK\r\ncontent-length: 70\r\n\r\n{"a"', 'net.disconnected'],
    ['', 'net.disconnected'],
  ] as const
  let next = 0
  await impostor(join(dataDir, 'control.sock'), (socket) =>
    socket.once('data', () => socket.end(answers[next]?.[0] ?? '')),
  )
  for (const [, code] of answers) {
    await expect(new ControlClient(dataDir).status()).rejects.toMatchObject({ code })
    next += 1
  }
})

test('a node that hangs is reported instead of waited for', async () => {
  const dataDir = await temporaryFolder()
  await impostor(join(dataDir, 'control.sock'), (socket) => socket.resume())
  const client = new ControlClient(dataDir, { silenceMsMax: 20 })
  await expect(client.status()).rejects.toMatchObject({ code: 'operation.timeout' })
  await expect(client.run(REQUEST, async () => undefined, noSignal)).rejects.toMatchObject({
    code: 'operation.timeout',
  })
})

test('stop: refuses new calls, aborts running commands and lets their streams end', async () => {
  const { client, control, server } = await started()
  control.onRun = async (_, report, signal) => {
    await abortOf(signal)
    await report(result({ state: 'cancelled' }))
  }
  const events: string[] = []
  const running = client.run(REQUEST, async (event) => void events.push(event.type), noSignal)
  await expect.poll(() => control.runs.length).toBe(1)
  await Promise.all([server.stop(), running])
  expect(events).toStrictEqual(['result'])
  await expect(client.status()).rejects.toMatchObject({ code: 'node.not_running' })
})

function rawAnswer(dataDir: string, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(join(dataDir, 'control.sock'))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
    socket.write(bytes, 'latin1')
  })
}
