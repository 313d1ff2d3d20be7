/** Whole nodes in virtual time: the worker of a task is killed, stopped, or started again, and nothing of what it knew is lost. */
import { afterEach, describe, expect, it } from 'vitest'
import { type ExecutionId, unixMs } from '../../src/base/index.ts'
import { numbered, printed, TaskScene } from './support/task-scene.ts'
import { TEST_CONFIG } from './support/virtual-mesh.ts'

let scene: TaskScene
afterEach(() => scene.judge())

const DETACHED = { attached: false }
const BOTH = [{ attached: true }, DETACHED]

/** `b` is killed, and started again. */
async function restartWorker(unquiet: readonly string[] = []): Promise<void> {
  scene.mesh.kill('b')
  const leftovers = unquiet.map((id) => ({ executionId: id as ExecutionId, quiet: false, processes: [] }))
  await scene.mesh.boot('b', {}, leftovers)
}

describe('3 nodes: the worker is killed and started again', () => {
  it.each(BOTH)(
    '%o: it says so, and the task runs at home long before its lease would have ended',
    async (options) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['sleep', '1500'], options)
      await scene.mesh.time.run(200)
      const killedAt = scene.mesh.time.now()
      await restartWorker()
      const record = await scene.finish(submission)
      expect(record).toMatchObject({ state: 'completed', starts: 2, finalResults: 1 })
      expect((scene.spans(record.taskId)[1]?.from ?? 0) - killedAt).toBeLessThan(TEST_CONFIG.leaseTtlMs / 2)
    },
  )

  it.each(BOTH)(
    '%o: what it cannot prove quiet has to run out before the task runs again',
    async (options) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['sleep', '1500'], options)
      const { taskId, record } = submission.task
      await scene.mesh.time.run(200)
      const killedAt = scene.mesh.time.now()
      await restartWorker([`${taskId}-${record.attempt?.leaseId}`])
      await scene.finish(submission)
      const [, again] = scene.spans(taskId)
      // The lease was renewed up to a third of its TTL before.
      expect((again?.from ?? 0) - killedAt).toBeGreaterThan((TEST_CONFIG.leaseTtlMs * 2) / 3)
      const said = submission.task.record.history.map(({ detail = '' }) => detail)
      expect(said.some((detail) => detail.includes('its lease has to run out'))).toBe(true)
    },
  )

  it('what a detached task had printed while its submitter was away is delivered first', async () => {
    scene = await TaskScene.start()
    await scene.leadByC()
    const submission = await scene.running(['lines', '500', '20'], DETACHED)
    scene.cut('ab')
    await scene.mesh.time.run(2000)
    await restartWorker()
    scene.heal()
    await scene.mesh.time.until('it is known', () => submission.task.record.starts === 2, 20_000)
    const before = await printed(submission)
    // A line each 20 ms, and up to some that no sync had reached.
    expect(before.startsWith(numbered(95))).toBe(true)
    submission.cancel()
    await scene.finish(submission)
  })

  it('after the task has ended there and nobody was told: its result is told once, and nothing runs again', async () => {
    scene = await TaskScene.start()
    await scene.leadByC()
    const submission = await scene.running(['lines', '10', '50'], DETACHED)
    scene.cut('ab')
    await scene.mesh.time.run(2000)
    await restartWorker()
    await scene.mesh.time.run(500)
    scene.heal()
    expect(await scene.finish(submission)).toMatchObject({ state: 'completed', starts: 1, attempts: 1 })
    expect(await printed(submission)).toBe(numbered(10))
  })

  it('while both are down a result is kept, and found when both are back', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '500'], DETACHED)
    scene.mesh.kill('a')
    await scene.mesh.time.run(2000)
    await restartWorker()
    await scene.mesh.boot('a')
    const again = scene.mesh.get('a').node.submitter.find(submission.task.taskId)
    expect(await scene.finish(again)).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
  })

  it('stopped in order: it reports what it had to end, and the task goes on elsewhere', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '3000'], DETACHED)
    const stopped = scene.mesh.get('b').node.stop(new Promise(() => undefined))
    await scene.mesh.time.run(500)
    await stopped
    scene.mesh.kill('b')
    const record = await scene.finish(submission)
    expect(record).toMatchObject({ state: 'completed', starts: 2, finalResults: 1 })
    expect(record.history.map(({ detail = '' }) => detail).join()).toContain('the worker was shut down')
  })
})

describe('3 nodes: results in the outbox of a worker', () => {
  it('come in the order of their ends when the submitter is back', async () => {
    scene = await TaskScene.start()
    await scene.leadByC()
    const submissions = []
    for (const ms of ['900', '300', '600']) submissions.push(await scene.running(['sleep', ms], DETACHED))
    scene.cut('ab')
    await scene.mesh.time.run(2000)
    scene.heal()
    for (const submission of submissions) await scene.finish(submission)
    const ended = scene.mesh
      .get('a')
      .events.filter(({ type }) => type === 'task:completed')
      .map(({ detail }) => detail?.['taskId'])
    const [long, short, middle] = submissions.map(({ task }) => task.taskId)
    expect(ended).toEqual([short, middle, long])
  })
})

describe('3 nodes: the deadline of a task', () => {
  it.each(BOTH)('%o: ends what runs, which is the end of the task', async (options) => {
    scene = await TaskScene.start()
    const deadlineUnixMs = unixMs(scene.mesh.time.wall() + 3000)
    const submission = await scene.running(['forever'], { ...options, deadlineUnixMs })
    const record = await scene.finish(submission)
    expect(record).toMatchObject({ state: 'failed', reason: 'timed_out', starts: 1 })
    expect((record.endedUnixMs ?? 0) - deadlineUnixMs).toBeLessThan(200)
  })
})
