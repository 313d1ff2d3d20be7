import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ExecutionId, KiB, LIMITS } from '../../src/base/index.ts'
import { type ScriptedSubmitter, TTL_MS, WorkerWorld } from './support/worker-world.ts'

const CHUNK = 64 * KiB
const FOREVER: readonly [string] = ['forever']
const print = (chunks: number): [string, string, string] => ['print', String(chunks), String(CHUNK)]

let world: WorkerWorld
let home: ScriptedSubmitter

beforeEach(async () => {
  world = await WorkerWorld.start()
  home = await world.submitter()
})

afterEach(() => {
  expect(world.net.failures).toEqual([])
  expect(world.fatal).toEqual([])
})

/** Length and content, in a line that a failing test can show. */
const gist = (bytes: Uint8Array): string =>
  `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`
/** What `print` prints. */
const printed = (chunks: number): string =>
  gist(Buffer.concat(Array.from({ length: chunks }, (_, at) => Buffer.alloc(CHUNK, at % 256))))
const isOver = (at: number) => world.executor.spans[at]?.to !== undefined

async function away(): Promise<void> {
  await world.time.run(50)
  world.link(home, false)
  await world.time.run(50)
}

async function back(): Promise<void> {
  home.heard.length = 0
  world.link(home, true)
  await world.time.run(2000)
}

describe('results', () => {
  it('are relayed in the order of their ends when the submitter is back, once', async () => {
    for (const [lease, ms] of [
      [1, '900'],
      [2, '300'],
      [3, '600'],
    ] as const)
      home.offer(lease, ['sleep', ms])
    await away()
    await world.time.run(2000)
    await back()
    expect(home.all('remote_task_result').map(({ exec_lease_id }) => exec_lease_id)).toEqual([2, 3, 1])
  })

  it('are relayed in the same order by a worker that was restarted meanwhile', async () => {
    for (const [lease, ms] of [
      [1, '900'],
      [2, '300'],
      [3, '600'],
    ] as const)
      home.offer(lease, ['sleep', ms])
    await away()
    await world.time.run(2000)
    await world.restart()
    await back()
    expect(home.all('remote_task_result').map(({ exec_lease_id }) => exec_lease_id)).toEqual([2, 3, 1])
    expect(home.result(1)).toMatchObject({ success: true, starts: 1 })
  })

  it('are said again until they are acknowledged', async () => {
    home.acknowledgesResults = false
    home.offer(1, ['sleep', '10'])
    await world.time.run(100)
    await away()
    await back()
    expect(home.all('remote_task_result')).toHaveLength(1)
    await world.restart()
    expect(home.all('remote_task_result')).toHaveLength(2)
  })

  it('keep their lease until they are known, for as long as it is worth waiting', async () => {
    home.offer(1, ['sleep', '300'])
    await away()
    await world.time.run(10 * TTL_MS)
    expect(isOver(0)).toBe(true)
    expect(world.released()).toEqual([])
    expect(world.asked.at(-1)?.at).toBeGreaterThan(world.time.now() - TTL_MS / 2)
    await back()
    expect(world.released()).toEqual([1])
    const renewals = world.asked.length
    await world.time.run(TTL_MS)
    expect(world.asked).toHaveLength(renewals)
  })

  it.each([
    [{}, LIMITS.resultLeaseKeptMs],
    [{ attached_ttl_ms: TTL_MS }, TTL_MS],
  ])('that nobody comes for let go of their lease in the end (%o)', async (fields, keptMs) => {
    home.acknowledgesResults = false
    home.offer(1, ['sleep', '10'], fields)
    await world.time.run(keptMs - 500)
    expect(world.released()).toEqual([])
    await world.time.run(1000)
    expect(world.released()).toEqual([1])
  })

  it('go on keeping their lease when the worker was restarted', async () => {
    home.offer(1, ['sleep', '300'])
    await away()
    await world.time.run(1000)
    await world.restart()
    await world.time.run(10 * TTL_MS)
    expect(world.asked.at(-1)).toMatchObject({ type: 'renew' })
    expect(world.asked.at(-1)?.at).toBeGreaterThan(world.time.now() - TTL_MS / 2)
    await back()
    expect(world.released()).toEqual([1])
  })

  it('do not wait for output that their submitter wants no more', async () => {
    home.acknowledgesOutput = false
    home.offer(1, print((2 * LIMITS.outputWindowBytesMax) / CHUNK))
    await world.time.run(500)
    await away()
    await back()
    expect(home.result(1)).toBeUndefined()
    home.cancel(1, 'stale_lease')
    await world.time.run(50)
    expect(home.result(1)).toMatchObject({ success: true })
    await back()
    expect(home.all('remote_task_output')).toEqual([])
  })

  it('whose lease is taken back meanwhile let go of it at once', async () => {
    home.acknowledgesResults = false
    home.offer(1, ['sleep', '10'])
    await world.time.run(200)
    world.worker.leaseRevoked(1 as never)
    await world.time.run(50)
    expect(world.released()).toEqual([1])
  })

  it('that nobody comes for are given up when there is no room for more, and that is an event', async () => {
    home.acknowledgesResults = false
    for (let lease = 1; lease <= LIMITS.endedOffersKeptMax + 1; lease++) {
      home.cancel(lease)
      if (lease % 100 === 0) await world.time.run(20)
    }
    await world.time.run(100)
    expect(world.events.filter(({ type }) => type === 'task:result_given_up')).toHaveLength(1)
    home.offer(1, FOREVER)
    await world.time.run(50)
    expect(home.all('remote_task_ack')).toMatchObject([{ accepted: false, detail: 'lease_expired' }])
  })
})

describe('a worker that was restarted', () => {
  it('reports what was under way as ended with it, and gives the leases back', async () => {
    home.offer(1, FOREVER)
    await world.time.run(200)
    await world.restart()
    expect(home.result(1)).toMatchObject({ starts: 1, outcome: { cause: 'worker-restarted', quiet: true } })
    expect(world.released()).toEqual([1])
  })

  it('keeps the lease of what its guardian could not prove quiet, and says nothing of it again', async () => {
    home.offer(1, FOREVER)
    await world.time.run(200)
    await world.restart([{ executionId: '1-1' as ExecutionId, quiet: false, processes: [] }])
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'worker-restarted', quiet: false } })
    expect(world.released()).toEqual([])
    home.heard.length = 0
    home.offer(1, FOREVER)
    home.cancel(1)
    await world.restart()
    home.offer(1, FOREVER)
    await world.time.run(50)
    // A refusal would say that nothing of it executes.
    expect(home.heard).toEqual([])
    expect(world.executor.spans).toHaveLength(1)
  })
})

describe('output of a detached attempt', () => {
  it('goes out as it comes, within the window, and before the result', async () => {
    home.offer(1, print(40))
    await world.time.until('the result', () => home.result(1) !== undefined)
    expect(gist(home.output(1))).toBe(printed(40))
    expect(home.types(1).at(-1)).toBe('remote_task_result')
    expect(home.result(1)?.outcome.outputBytes).toBe(40 * CHUNK)
  })

  it('waits on disk while the submitter is away, and the command does not wait for it', async () => {
    home.acknowledgesOutput = false
    home.offer(1, print(40))
    await away()
    expect(isOver(0)).toBe(true)
    home.acknowledgesOutput = true
    await back()
    expect(gist(home.output(1))).toBe(printed(40))
    expect(home.types(1).at(-1)).toBe('remote_task_result')
  })

  it('is within the window as long as nothing is acknowledged', async () => {
    home.acknowledgesOutput = false
    home.offer(1, print(40))
    await world.time.run(500)
    expect(home.output(1).length).toBe(LIMITS.outputWindowBytesMax)
    expect(home.result(1)).toBeUndefined()
  })

  it('survives the worker: the rest of it comes before the result of a worker that was restarted', async () => {
    home.acknowledgesOutput = false
    home.offer(1, [...print(10), 'and-wait'])
    await away()
    await world.restart()
    home.acknowledgesOutput = true
    await back()
    expect(gist(home.output(1))).toBe(printed(10))
    expect(home.types(1).at(-1)).toBe('remote_task_result')
    expect(home.result(1)?.outcome.outputBytes).toBe(10 * CHUNK)
  })

  it('that the submitter has already is not sent again but for one window', async () => {
    home.offer(1, print(40))
    await world.time.until('most of it', () => home.output(1).length > 20 * CHUNK)
    const had = home.output(1).length
    world.link(home, false)
    await world.time.run(50)
    await back()
    const [first] = home.all('remote_task_output')
    expect(first?.offset).toBeGreaterThanOrEqual(had - 2 * LIMITS.outputWindowBytesMax)
  })

  it('is gone from the disk when the result is acknowledged', async () => {
    home.offer(1, print(4))
    await world.time.run(200)
    expect(await world.stores.outputs.worker.keys()).toEqual([])
  })

  it('of which a crash left a log without an attempt is removed at the next start', async () => {
    const log = await world.stores.outputs.worker.open('9-9')
    await log.append('stdout', new Uint8Array(3))
    await world.restart()
    expect(await world.stores.outputs.worker.keys()).toEqual([])
  })
})

describe('output of an attached attempt', () => {
  it('waits in memory, and the command with it', async () => {
    home.acknowledgesOutput = false
    home.offer(1, print(40), { attached_ttl_ms: TTL_MS })
    await world.time.run(500)
    expect(home.output(1).length).toBe(LIMITS.outputWindowBytesMax)
    expect(isOver(0)).toBe(false)
    expect(await world.stores.outputs.worker.keys()).toEqual([])
  })

  it('that was not acknowledged comes again when the submitter is back', async () => {
    home.acknowledgesOutput = false
    home.acknowledgesResults = false
    home.offer(1, print(3), { attached_ttl_ms: TTL_MS })
    await world.time.run(100)
    home.acknowledgesOutput = true
    await away()
    await back()
    expect(gist(home.output(1))).toBe(printed(3))
  })
})
