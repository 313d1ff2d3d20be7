/** Whole nodes in virtual time: submitter, worker and authority lose each other, and nobody executes a task twice at a time. */
import { afterEach, describe, expect, it } from 'vitest'
import { TaskScene } from './support/task-scene.ts'
import { TEST_CONFIG } from './support/virtual-mesh.ts'

const { leaseTtlMs: ttlMs, driftRatio } = TEST_CONFIG

let scene: TaskScene
afterEach(() => scene.judge())

describe('3 nodes: no authority in reach of anybody', () => {
  it('an attached task runs at home when its worker must be quiet, without a lease', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '9000'])
    await scene.mesh.time.run(4000)
    scene.cut('ab', 'ac', 'bc')
    const cutAt = scene.mesh.time.now()
    const record = await scene.finish(submission)
    expect(record).toMatchObject({ state: 'completed', reason: 'worker_lost', finalResults: 1 })
    expect(record.attempt?.leaseId).toBeUndefined()
    const [there, here] = scene.spans(record.taskId)
    expect(there?.to).toBeLessThan(cutAt + ttlMs)
    // The last answer was given up to a third of the TTL before.
    expect(here?.from).toBeGreaterThan(cutAt + (ttlMs * 2) / 3)
    expect(here?.from).toBeLessThan(cutAt + ttlMs * (1 + driftRatio) + 5000)
  })

  it('a detached task waits, and says so; it runs at home when there is an authority again', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '9000'], { attached: false })
    scene.cut('ab', 'ac', 'bc')
    await scene.mesh.time.run(30_000)
    const { taskId } = submission.task
    expect(submission.task.record).toMatchObject({ state: 'fallback', reason: 'worker_lost' })
    expect(scene.isExecuted(taskId)).toBe(false)
    const said = submission.task.record.history.filter(({ reason }) => reason === 'lease_unavailable')
    expect(said).toHaveLength(1)
    scene.mesh.kill('b')
    scene.heal()
    const record = await scene.finish(submission)
    expect(record).toMatchObject({ state: 'completed', starts: 2 })
    expect(record.attempt?.leaseId).toBeGreaterThan(0)
  })

  it('a task that was never offered: attached it runs at home, detached it waits', async () => {
    scene = await TaskScene.start()
    scene.cut('ac', 'bc', 'ab')
    await scene.mesh.time.run(1000)
    const attached = scene.submit(['sleep', '500'])
    const detached = scene.submit(['sleep', '500'], { attached: false })
    expect(await scene.finish(attached)).toMatchObject({ state: 'completed', reason: 'lease_unavailable' })
    await scene.mesh.time.run(20_000)
    expect(scene.spans(detached.task.taskId)).toEqual([])
    expect(detached.task.record).toMatchObject({ state: 'leasing', finalResults: 0 })
    scene.heal()
    expect(await scene.finish(detached)).toMatchObject({ state: 'completed', starts: 1 })
  })
})

describe('3 nodes: the worker out of reach', () => {
  it.each([{ attached: true }, { attached: false }])(
    '%o, for a moment: it goes on there as if nothing had been',
    async (options) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['sleep', '5000'], options)
      scene.cut('ab')
      await scene.mesh.time.run(400)
      expect(submission.task.record.state).toBe('fallback')
      scene.heal()
      expect(await scene.finish(submission)).toMatchObject({
        state: 'completed',
        reason: 'populi_remote_lease_hold',
        starts: 1,
        attempts: 1,
      })
    },
  )

  it('for long, the authority in reach of both: a detached task goes on there, an attached one at home', async () => {
    scene = await TaskScene.start()
    await scene.leadByC()
    const attached = await scene.running(['sleep', '20000'])
    const detached = await scene.running(['sleep', '20000'], { attached: false })
    scene.cut('ab')
    await scene.mesh.time.run(15_000)
    expect(scene.spans(attached.task.taskId).map(({ at }) => at)).toEqual(['b', 'a'])
    expect(scene.spans(detached.task.taskId).map(({ at }) => at)).toEqual(['b'])
    scene.heal()
    expect(await scene.finish(detached)).toMatchObject({ state: 'completed', starts: 1 })
    expect(await scene.finish(attached)).toMatchObject({ state: 'completed', starts: 2 })
  })

  it.each(['killed', 'cut off'] as const)(
    'with nowhere else to run: it fails when nobody executes it any more (%s)',
    async (how) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['sleep', '60000'], { fallback: 'none' })
      if (how === 'killed') scene.mesh.kill('b')
      else scene.cut('ab', 'bc')
      const record = await scene.finish(submission)
      expect(record).toMatchObject({ state: 'failed', reason: 'worker_lost', starts: 1, finalResults: 1 })
      expect(scene.isExecuted(record.taskId)).toBe(false)
      await scene.mesh.time.until('the lease at home went back', () => scene.leases().length === 0)
    },
  )
})

describe('3 nodes: a cancel while the worker is out of reach', () => {
  it.each([{ attached: true }, { attached: false }])(
    '%o, for a moment: the worker hears it when it is back',
    async (options) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['forever'], options)
      scene.cut('ab')
      await scene.mesh.time.run(50)
      submission.cancel()
      await scene.mesh.time.run(300)
      expect(submission.task.record).toMatchObject({ state: 'fallback', finalResults: 0 })
      scene.heal()
      const record = await scene.finish(submission)
      expect(record).toMatchObject({ state: 'cancelled', starts: 1, error: undefined })
      expect(scene.isExecuted(record.taskId)).toBe(false)
    },
  )

  it('an attached task is cancelled when its span is over, and nothing of it runs then', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['forever'])
    scene.cut('ab')
    submission.cancel()
    const cancelledAt = scene.mesh.time.now()
    const record = await scene.finish(submission)
    expect(record).toMatchObject({ state: 'cancelled', reason: 'cancelled_by_user' })
    expect(scene.isExecuted(record.taskId)).toBe(false)
    expect(scene.mesh.time.now() - cancelledAt).toBeLessThan(ttlMs * (1 + driftRatio) + 1000)
  })

  it('a detached task goes on as long as its worker has a lease, and the task is open until it is heard', async () => {
    scene = await TaskScene.start()
    await scene.leadByC()
    const submission = await scene.running(['forever'], { attached: false })
    scene.cut('ab')
    submission.cancel()
    await scene.mesh.time.run(4 * ttlMs)
    expect(submission.task.record).toMatchObject({ state: 'fallback', finalResults: 0 })
    expect(scene.isExecuted(submission.task.taskId)).toBe(true)
    scene.cut('bc')
    const record = await scene.finish(submission)
    expect(record.state).toBe('cancelled')
    expect(scene.isExecuted(record.taskId)).toBe(false)
  })
})
