import { beforeEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import { type ScriptedSubmitter, WorkerWorld } from './support/worker-world.ts'

const FOREVER: readonly [string] = ['forever']
const SHORT: readonly [string, string] = ['sleep', '10']
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

let world: WorkerWorld
let home: ScriptedSubmitter

beforeEach(async () => {
  world = await WorkerWorld.start()
  home = await world.submitter()
})

const executions = () => world.executor.spans.length
const refusals = () =>
  home.all('remote_task_ack').flatMap(({ accepted, detail }) => (accepted ? [] : [detail]))

describe('an offer', () => {
  it('runs once and is told in order: accepted, started, result', async () => {
    home.offer(1, SHORT)
    await world.time.run(100)
    expect(home.types(1)).toEqual(['remote_task_ack', 'remote_task_started', 'remote_task_result'])
    expect(home.result(1)).toMatchObject({ success: true, starts: 1 })
    expect(world.released()).toEqual([1])
  })

  it('costs two writes before its result is out: what was offered, and how it ended', async () => {
    let writes = 0
    const { workerJournal } = world.stores
    const write = workerJournal.write.bind(workerJournal)
    workerJournal.write = (records) => {
      writes++
      return write(records)
    }
    home.offer(1, SHORT)
    await world.time.until('the result', () => home.result(1) !== undefined)
    expect(writes).toBe(2)
  })

  it('that is repeated while it runs starts nothing, and neither does one that comes after its end', async () => {
    home.offer(1, SHORT)
    home.offer(1, SHORT)
    await world.time.run(100)
    home.offer(1, SHORT)
    await world.time.run(50)
    expect(executions()).toBe(1)
    expect(refusals()).toEqual(['lease_expired'])
  })

  it('that comes late finds its key on disk, also after a restart', async () => {
    home.offer(1, SHORT)
    await world.time.run(200)
    await world.restart()
    home.offer(1, SHORT)
    await world.time.run(50)
    expect(executions()).toBe(1)
    expect(refusals()).toEqual(['lease_expired'])
  })

  it('keeps its key for a day, and not much longer', async () => {
    home.offer(1, SHORT)
    await world.time.run(200)
    const keys = async () => (await world.stores.workerJournal.load()).map(({ key }) => key)
    await world.time.run(LIMITS.finishedOfferKeptMs - 1000)
    home.offer(2, SHORT)
    await world.time.run(200)
    expect(await keys()).toEqual(['key-1/1', 'key-2/2'])
    await world.time.run(2000)
    home.offer(3, SHORT)
    await world.time.run(200)
    expect(await keys()).toEqual(['key-2/2', 'key-3/3'])
  })

  it('of work that this version does not understand is refused, and the connection stays', async () => {
    home.offer(1, SHORT, { payload: '{"task_description":"x","dream":{}}' })
    home.offer(2, SHORT)
    await world.time.run(100)
    expect(refusals()).toEqual(['cannot_start'])
    expect(home.result(2)).toMatchObject({ success: true })
  })

  it('beyond what one node takes is refused', async () => {
    for (let lease = 1; lease <= LIMITS.workerTasksMax + 1; lease++) home.offer(lease, FOREVER)
    await world.time.run(500)
    expect(executions()).toBe(LIMITS.workerTasksMax)
    expect(refusals()).toEqual(['worker_full'])
  })

  it('of somebody else under a lease that is taken starts nothing', async () => {
    const thief = await world.submitter('thief')
    home.offer(1, FOREVER)
    await world.time.run(50)
    thief.offer(1, FOREVER)
    thief.offer(1, FOREVER, { idempotency_key: 'another' })
    thief.cancel(1)
    await world.time.run(50)
    expect(executions()).toBe(1)
    expect(world.executor.spans[0]?.to).toBeUndefined()
    expect(thief.all('remote_task_ack')).toMatchObject([{ accepted: false }, { accepted: false }])
  })
})

describe('the deadline of a task', () => {
  it('that has passed: the offer is refused', async () => {
    home.offer(1, SHORT, { deadline_unix_ms: world.time.wall() - 1 })
    await world.time.run(50)
    expect(refusals()).toEqual(['timed_out'])
  })

  it('ends what runs, as timed out', async () => {
    const deadline = world.time.wall() + 5000
    home.offer(1, FOREVER, { deadline_unix_ms: deadline })
    await world.time.run(4900)
    expect(world.executor.spans[0]?.to).toBeUndefined()
    await world.time.run(200)
    expect(home.result(1)).toMatchObject({
      outcome: { cause: 'timeout' },
      error: 'the deadline of the task has passed',
    })
  })
})

describe('the environment of a command', () => {
  it('says which task it is, its fencing token, and a span of its own in the trace of the task', async () => {
    home.offer(1, SHORT, { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` })
    home.offer(2, SHORT)
    await world.time.run(50)
    const [one, other] = world.executor.specs
    expect(one?.env).toMatchObject({
      POPULI_TASK_ID: '1',
      POPULI_FENCING_TOKEN: '1',
      TRACEPARENT: expect.stringMatching(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`)),
    })
    expect(other?.env).not.toHaveProperty('TRACEPARENT')
  })
})

describe('a cancel', () => {
  it('is answered by the result, after quiet; the log of events has its latency', async () => {
    home.offer(1, FOREVER)
    await world.time.run(50)
    home.cancel(1)
    home.cancel(1)
    await world.time.run(50)
    expect(home.all('remote_task_result')).toMatchObject([{ outcome: { cause: 'cancelled', quiet: true } }])
    expect(world.events.map(({ type }) => type)).toEqual([
      'task:accepted',
      'task:started',
      'task:cancel_requested',
      'task:ended',
    ])
    expect(world.events.at(-1)?.detail).toMatchObject({ runState: 'cancelled', cancelLatencyMs: 1 })
  })

  it('while the lease is confirmed ends it without a start', async () => {
    world.answerMs = 100
    home.offer(1, FOREVER)
    await world.time.run(20)
    home.cancel(1)
    await world.time.run(200)
    expect(executions()).toBe(0)
    expect(home.result(1)).toMatchObject({ starts: 0, outcome: { cause: 'cancelled' } })
  })

  it('of an attempt that is not known is answered alike, and the offer behind it starts nothing, also after a restart', async () => {
    home.acknowledgesResults = false
    home.cancel(1)
    await world.time.run(50)
    expect(home.result(1)).toMatchObject({ starts: 0, outcome: { cause: 'cancelled', quiet: true } })
    home.offer(1, FOREVER)
    await world.restart()
    home.offer(1, FOREVER)
    await world.time.run(50)
    expect(executions()).toBe(0)
  })

  it('that only says that nobody wants the attempt needs no answer when there is none', async () => {
    home.cancel(1, 'unknown_task')
    await world.time.run(50)
    expect(home.heard).toEqual([])
  })
})
