import { beforeEach, describe, expect, it } from 'vitest'
import { type ScriptedSubmitter, SPAN_MS, TTL_MS, WorkerWorld } from './support/worker-world.ts'

const ATTACHED = { attached_ttl_ms: TTL_MS }
const FOREVER: readonly [string] = ['forever']

let world: WorkerWorld
let home: ScriptedSubmitter

beforeEach(async () => {
  world = await WorkerWorld.start()
  home = await world.submitter()
})

const spans = () => world.executor.spans
const quietAt = () => spans()[0]?.to ?? Number.POSITIVE_INFINITY
const askedHome = () => home.heard.filter(({ message }) => message.type === 'remote_task_renew')

describe('an attached attempt', () => {
  it('starts when authority and submitter have both answered, the two being asked at once', async () => {
    world.answerMs = 40
    home.answersRenewals = false
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(200)
    expect(askedHome()[0]?.at).toBeLessThan((world.asked[0]?.at ?? 0) + 10)
    expect(spans()).toEqual([])
    home.say({
      type: 'remote_task_renewed',
      idempotency_key: 'key-1',
      exec_lease_id: 1 as never,
      sequence: home.all('remote_task_renew')[0]?.sequence ?? 0,
    })
    await world.time.run(10)
    expect(spans()).toHaveLength(1)
    expect(home.types(1).slice(1)).toEqual(['remote_task_ack', 'remote_task_started'])
  })

  it('is over without a start when its submitter does not answer; it was asked more than once', async () => {
    home.answersRenewals = false
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(TTL_MS)
    expect(spans()).toEqual([])
    expect(askedHome().length).toBeGreaterThan(2)
    expect(home.result(1)).toMatchObject({ starts: 0, outcome: { cause: 'submitter-lost', quiet: true } })
    expect(world.released()).toEqual([1])
  })

  it('renews each third with both, and goes on as long as both answer', async () => {
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(10 * TTL_MS)
    expect(spans()).toMatchObject([{ to: undefined }])
    expect(askedHome().length).toBeGreaterThanOrEqual(25)
    expect(askedHome().length).toBeLessThanOrEqual(32)
  })

  it('is quiet in time when its submitter answers no more, counted from the sending of the last request', async () => {
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(1500)
    home.answersRenewals = false
    const lastAnswered = home.all('remote_task_renew').at(-1)?.sequence ?? 0
    await world.time.run(2 * TTL_MS)
    expect(quietAt()).toBeLessThanOrEqual(lastAnswered + SPAN_MS)
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'submitter-lost' } })
    expect(world.released()).toEqual([1])
  })

  it('is quiet in time when its submitter is cut off, and comes back to hear it', async () => {
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(1500)
    world.link(home, false)
    const cutAt = world.time.now()
    await world.time.run(2 * TTL_MS)
    expect(quietAt()).toBeLessThanOrEqual(cutAt + SPAN_MS)
    expect(home.result(1)).toBeUndefined()
    world.link(home, true)
    await world.time.run(50)
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'submitter-lost', quiet: true } })
  })

  it('outlives a link that flaps within the span', async () => {
    home.offer(1, FOREVER, ATTACHED)
    for (let time = 0; time < 6; time++) {
      await world.time.run(600)
      world.link(home, false)
      await world.time.run(400)
      world.link(home, true)
    }
    expect(spans()).toMatchObject([{ to: undefined }])
  })

  it('is quiet by the earlier of the two ends: the authority is away, the submitter is not', async () => {
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(1500)
    world.refusal = 'authority.no_leader'
    const lastSent = world.asked.at(-1)?.at ?? 0
    await world.time.run(2 * TTL_MS)
    expect(quietAt()).toBeLessThanOrEqual(lastSent + SPAN_MS)
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'lease-lost' } })
  })

  it('an answer to a request that was never sent moves nothing', async () => {
    home.answersRenewals = false
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(20)
    home.say({
      type: 'remote_task_renewed',
      idempotency_key: 'key-1',
      exec_lease_id: 1 as never,
      sequence: 9e12,
    })
    await world.time.run(20)
    expect(spans()).toEqual([])
  })

  it('ends at once when its submitter says that it has given it up, which is no cancel of the task', async () => {
    home.offer(1, FOREVER, ATTACHED)
    await world.time.run(100)
    home.cancel(1, 'stale_lease')
    await world.time.run(20)
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'submitter-lost', quiet: true } })
  })
})

describe('a detached attempt', () => {
  it('asks nobody but the authority, and goes on when its submitter is away', async () => {
    home.offer(1, FOREVER)
    await world.time.run(100)
    world.link(home, false)
    await world.time.run(20 * TTL_MS)
    expect(askedHome()).toEqual([])
    expect(spans()).toMatchObject([{ to: undefined }])
  })
})

describe('the lease of the authority', () => {
  it.each([
    ['lease.unknown', 'lease_expired', []],
    ['authority.no_leader', 'lease_unavailable', [1]],
  ] as const)(
    '%s: the offer is refused with %s, and what may be held is given back',
    async (code, detail, back) => {
      world.refusal = code
      home.offer(1, FOREVER)
      await world.time.run(50)
      expect(home.all('remote_task_ack')).toMatchObject([{ accepted: false, detail }])
      expect(world.released()).toEqual(back)
      expect(spans()).toEqual([])
    },
  )

  it('revoked while it is confirmed: nothing starts', async () => {
    world.answerMs = 100
    home.offer(1, FOREVER)
    await world.time.run(50)
    world.worker.leaseRevoked(1 as never)
    await world.time.run(200)
    expect(spans()).toEqual([])
    expect(home.result(1)).toMatchObject({ starts: 0, outcome: { cause: 'lease-lost', quiet: true } })
    expect(world.released()).toEqual([1])
  })

  it('revoked while it runs: it ends at once, and the lease is given back when it is quiet', async () => {
    home.offer(1, FOREVER)
    await world.time.run(100)
    const revokedAt = world.time.now()
    world.worker.leaseRevoked(1 as never)
    await world.time.run(100)
    expect(quietAt() - revokedAt).toBeLessThan(20)
    expect(world.asked.at(-1)).toMatchObject({ type: 'release' })
    expect(world.asked.at(-1)?.at).toBeGreaterThanOrEqual(quietAt())
  })

  it('a quarantined node renews nothing, and says why it stopped', async () => {
    home.offer(1, FOREVER)
    await world.time.run(100)
    world.standing = { isQuarantined: true, isRetired: false, maintenance: undefined }
    await world.time.run(TTL_MS)
    expect(home.result(1)).toMatchObject({ outcome: { cause: 'quarantined' } })
  })

  it('an idle attempt costs nothing between its renewals', async () => {
    home.offer(1, FOREVER)
    await world.time.run(100)
    const before = world.asked.length
    await world.time.run(TTL_MS / 4)
    expect(world.asked.length).toBe(before)
  })
})
