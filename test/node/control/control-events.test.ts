import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unixMs } from '../../../src/base/index.ts'
import { ControlClient, type EventNotice, type EventQuery, toJson } from '../../../src/node/control/index.ts'
import { encodeFrame } from '../../../src/node/control/run-frames.ts'
import { abortOf, EVENTS, NOW } from './fake-control.ts'
import { impostor, loopTurns, started, temporaryFolder } from './harness.ts'

const noSignal = new AbortController().signal
const QUERY: EventQuery = { kinds: ['member', 'link'], node: 'attic', sinceUnixMs: unixMs(NOW), limit: 3 }
const OPEN: EventQuery = { kinds: [], node: undefined, sinceUnixMs: undefined, limit: 0 }

test('the query reaches the node, and its events come back as they were', async () => {
  const { client, control } = await started()
  expect(await client.events(QUERY)).toStrictEqual(EVENTS)
  expect(await client.events(OPEN)).toStrictEqual(EVENTS)
  expect(control.eventQueries).toStrictEqual([QUERY, OPEN])
})

test('a query that is none is refused', async () => {
  const { client, control } = await started()
  const wrong = { ...OPEN, kinds: ['weather'] } as unknown as EventQuery
  await expect(client.events(wrong)).rejects.toMatchObject({ code: 'wire.malformed' })
  await expect(client.followEvents(wrong, async () => undefined, noSignal)).rejects.toMatchObject({
    code: 'wire.malformed',
  })
  expect(control.eventQueries).toEqual([])
})

test('followed events arrive one by one, each before the next one happens', async () => {
  const { client, control } = await started()
  const seen: EventNotice[] = []
  const notices: EventNotice[] = [
    ...EVENTS.map((event): EventNotice => ({ type: 'event', event })),
    { type: 'missed', count: 3 },
  ]
  control.onFollow = async (_, report) => {
    for (const [at, notice] of notices.entries()) {
      await report(notice)
      await expect.poll(() => seen.length, { interval: 1 }).toBe(at + 1)
    }
  }
  await client.followEvents(OPEN, async (notice) => void seen.push(notice), noSignal)
  expect(seen).toStrictEqual(notices)
})

test('a node that stops ends the stream, and what it had said before arrives', async () => {
  const { client, control, server } = await started()
  const seen: EventNotice[] = []
  control.onFollow = async (_, report, signal) => {
    await abortOf(signal)
    for (const event of EVENTS) await report({ type: 'event', event })
  }
  const ended = client.followEvents(OPEN, async (notice) => void seen.push(notice), noSignal)
  await expect.poll(() => control.eventQueries.length).toBe(1)
  await server.stop()
  await ended
  expect(seen).toHaveLength(EVENTS.length)
})

test('a reader that leaves is told so as operation.cancelled, and the node stops following for it', async () => {
  const { client, control } = await started()
  const left = Promise.withResolvers<void>()
  control.onFollow = async (_, report, signal) => {
    for (const event of EVENTS) await report({ type: 'event', event })
    await abortOf(signal)
    left.resolve()
  }
  const leave = new AbortController()
  const following = client.followEvents(OPEN, async () => leave.abort(), leave.signal)
  await expect(following).rejects.toMatchObject({ code: 'operation.cancelled' })
  await left.promise
})

test('a slow reader slows the reports to it', async () => {
  const { client, control } = await started()
  let reported = 0
  const [event] = EVENTS
  if (event === undefined) expect.fail('no event')
  const large = { ...event, detail: { text: 'x'.repeat(60_000) } }
  control.onFollow = async (_, report, signal) => {
    while (!signal.aborted) {
      await report({ type: 'event', event: large })
      reported += 1
    }
  }
  const leave = new AbortController()
  const following = client.followEvents(OPEN, () => abortOf(leave.signal), leave.signal)
  await expect.poll(() => reported).toBeGreaterThan(0)
  await loopTurns(2000)
  expect(reported).toBeLessThan(100)
  leave.abort()
  await expect(following).rejects.toMatchObject({ code: 'operation.cancelled' })
})

test('a connection that breaks is control.interrupted, not the end', async () => {
  const folder = await temporaryFolder()
  const frame = encodeFrame('event', toJson({ type: 'missed', count: 1 }))
  await impostor(join(folder, 'control.sock'), (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      socket.write(`${frame.length.toString(16)}\r\n`)
      socket.write(frame)
      socket.write('\r\n', () => socket.destroy())
    })
  })
  const seen: EventNotice[] = []
  const following = new ControlClient(folder).followEvents(
    OPEN,
    async (notice) => void seen.push(notice),
    noSignal,
  )
  await expect(following).rejects.toMatchObject({ code: 'control.interrupted' })
  expect(seen).toEqual([{ type: 'missed', count: 1 }])
})
