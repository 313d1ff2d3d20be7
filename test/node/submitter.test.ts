/** The submitter alone, over a worker and an authority that always say yes. */
import { describe, expect, it } from 'vitest'
import {
  type LeaseId,
  LIMITS,
  type NodeId,
  type PeerId,
  Random,
  silentLogger,
  type TaskId,
  unixMs,
} from '../../src/base/index.ts'
import type { RunRequest } from '../../src/node/control/node-control.ts'
import { Submitter } from '../../src/node/submitter.ts'
import { unpredictableTaskIds } from '../../src/node/task-ids.ts'
import { MemoryDisk, openMemoryStores } from '../../src/store/index.ts'
import type { Envelope, TaskMessage } from '../../src/task/index.ts'
import { VirtualTime } from './support/virtual-time.ts'

const HOME = 'peer-home' as PeerId
const WORKER = 'peer-worker' as PeerId
const time = new VirtualTime()
const request: RunRequest = { argv: ['true'], cwd: undefined, env: {}, on: undefined, timeoutMs: undefined }

async function start(disk = new MemoryDisk(), create = true) {
  const stores = await openMemoryStores(disk, { create })
  const { submitterJournal } = stores
  let writes = 0
  let leases = 0
  const offers: Envelope[] = []
  let hear: (from: PeerId, message: TaskMessage) => void = () => undefined
  /** Whatever is offered has exited at once. */
  const answer = (envelope: TaskMessage): void => {
    if (envelope.type !== 'remote_task_envelope') return
    offers.push(envelope)
    const { idempotency_key, exec_lease_id, task_id } = envelope
    const attempt = { idempotency_key, exec_lease_id }
    hear(WORKER, { type: 'remote_task_started', ...attempt, pid: 1 })
    const outcome = { cause: 'exited', exitCode: 0, quiet: true, outputBytes: 0 } as const
    const result = { success: true, result: null, error: null, outcome, starts: 1 }
    hear(WORKER, { type: 'remote_task_result', ...attempt, task_id, ...result })
  }
  const submitter = new Submitter({
    self: { peer: HOME, nodeId: 'home' as NodeId },
    scope: 'scope',
    transport: { self: HOME, onPeer: () => undefined, canReach: () => true },
    clock: time,
    scheduler: time,
    authority: { execute: () => Promise.resolve({ answer: { id: ++leases as LeaseId } }) },
    journal: {
      load: () => submitterJournal.load(),
      write: (records: Parameters<typeof submitterJournal.write>[0]) => {
        writes++
        return submitterJournal.write(records)
      },
    },
    outputs: stores.outputs.submitter,
    link: {
      onMessage: (handler: typeof hear) => {
        hear = handler
      },
      send: (_to: PeerId, message: TaskMessage) => queueMicrotask(() => answer(message)),
    },
    logger: silentLogger,
    events: { taskChanged: () => undefined, taskCancelling: () => undefined },
    leaseTtlMs: 3000,
    taskIds: unpredictableTaskIds,
    random: new Random(1),
    spanMs: (ttlMs: number) => ttlMs * 1.01,
    place: () => ({ type: 'placed', peer: WORKER, nodeId: 'worker', reason: 'requested_node' }),
    fatal: (error: unknown) => {
      throw error
    },
  } as unknown as ConstructorParameters<typeof Submitter>[0])
  await submitter.start()
  return { submitter, stores, offers, writes: () => writes }
}

describe('a submitter', () => {
  it('asks its disk three times for a task that runs to its end', async () => {
    const { submitter, writes } = await start()
    const { ended, task } = submitter.submit(request)
    await ended
    expect(task.record).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
    expect(writes()).toBe(3)
  })

  it('keeps the newest ended tasks, over a restart as well, and their output no longer than that', async () => {
    const disk = new MemoryDisk()
    const { submitter, stores } = await start(disk)
    const ids: TaskId[] = []
    for (let at = 0; at < LIMITS.endedTasksKeptMax + 50; at++) {
      const { ended, task, output } = submitter.submit(request)
      if (at < 2) await (await output.open()).append('stdout', new Uint8Array([1]))
      ids.push(task.taskId)
      await ended
      await time.run(1)
    }
    expect(submitter.records().map(({ taskId }) => taskId)).toEqual(ids.slice(50))
    expect(() => submitter.find(ids[0] as TaskId)).toThrow('no task')
    // What was begun for that is over when the store is closed.
    await stores.submitterJournal.write([])
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(await stores.outputs.submitter.keys()).toEqual([])
    await stores.close()
    const again = await start(disk, false)
    expect(again.submitter.records().map(({ taskId }) => taskId)).toEqual(ids.slice(50))
  })

  it('begins a trace with the task, unless the request has one', async () => {
    const { submitter, offers } = await start()
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await submitter.submit({ ...request, traceparent, deadlineUnixMs: unixMs(9e12) }).ended
    expect(offers[0]).toMatchObject({ traceparent, deadline_unix_ms: 9e12 })
    for (const given of [undefined, 'nonsense', '00-00000000000000000000000000000000-b7ad6b7169203331-01'])
      await submitter.submit({ ...request, traceparent: given }).ended
    const made = offers.slice(1).map((offer) => offer.traceparent)
    for (const one of made) expect(one).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect(new Set(made).size).toBe(3)
  })

  it('does not take what no envelope holds, and says what bulk data is for', async () => {
    const { submitter } = await start()
    const env = { BIG: 'x'.repeat(LIMITS.envelopeBytesMax / 2) }
    expect(() => submitter.submit({ ...request, env })).toThrow(/^the task takes \d+ bytes/)
    expect(() => submitter.submit({ ...request, env })).toThrow(
      expect.objectContaining({ code: 'task.too_large', hint: expect.stringContaining('artifacts') }),
    )
  })
})
