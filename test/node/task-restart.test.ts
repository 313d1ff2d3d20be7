/** Whole nodes in virtual time: the submitter of a task is killed and started again, at every state of the task. */
import { afterEach, describe, expect, it } from 'vitest'
import { numbered, printed, TaskScene } from './support/task-scene.ts'
import { TEST_CONFIG } from './support/virtual-mesh.ts'

let scene: TaskScene
afterEach(() => scene.judge())

const BOTH = [{ attached: true }, { attached: false }]

describe('3 nodes: the submitter is killed and started again', () => {
  it.each(BOTH)('%o: before the offer, the task is placed again and runs once', async (options) => {
    scene = await TaskScene.start()
    const submission = scene.submit(['sleep', '500'], { on: 'b', ...options })
    await submission.accepted
    expect(submission.task.record.state).toBe('leasing')
    const again = await scene.restart(submission.task.taskId)
    expect(await scene.finish(again)).toMatchObject({ state: 'completed', finalResults: 1 })
    expect(scene.spans(again.task.taskId).map(({ at }) => at)).toEqual(['b'])
  })

  it.each(BOTH)(
    '%o: after the offer, the worker gets the same offer twice and starts once',
    async (options) => {
      scene = await TaskScene.start()
      const submission = scene.submit(['sleep', '2000'], { on: 'b', ...options })
      await scene.untilState(submission, 'offered')
      const again = await scene.restart(submission.task.taskId)
      expect(again.task.record.state).toBe('offered')
      expect(await scene.finish(again)).toMatchObject({ state: 'completed', starts: 1, finalResults: 1 })
      expect(scene.spans(again.task.taskId)).toHaveLength(1)
    },
  )

  it.each(BOTH)(
    '%o: while it runs, it goes on, and nothing it prints is lost or comes twice',
    async (options) => {
      scene = await TaskScene.start()
      const submission = await scene.running(['lines', '40', '50'], options)
      await scene.mesh.time.run(700)
      const again = await scene.restart(submission.task.taskId, 300)
      expect(await scene.finish(again)).toMatchObject({ state: 'completed', starts: 1, attempts: 1 })
      expect(await printed(again)).toBe(numbered(40))
      expect(scene.spans(again.task.taskId)).toHaveLength(1)
    },
  )

  it('away for longer than any lease: a detached task has gone on, and its result and output are fetched', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['lines', '40', '50'], { attached: false })
    await scene.mesh.time.run(300)
    const again = await scene.restart(submission.task.taskId, 5 * TEST_CONFIG.leaseTtlMs)
    expect(await scene.finish(again)).toMatchObject({ state: 'completed', starts: 1, attempts: 1 })
    expect(await printed(again)).toBe(numbered(40))
    await scene.mesh.time.until('no lease is left', () => scene.leases().length === 0)
  })

  it('away for longer than its lease: an attached task was ended in time, and that is its end', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '9000'])
    const { taskId } = submission.task
    scene.mesh.kill('a')
    await scene.mesh.time.until('its worker is quiet', () => !scene.isExecuted(taskId))
    expect(scene.mesh.time.now() - (scene.spans(taskId)[0]?.from ?? 0)).toBeLessThan(
      2 * TEST_CONFIG.leaseTtlMs,
    )
    await scene.mesh.boot('a')
    const again = scene.mesh.get('a').node.submitter.find(taskId)
    expect(await scene.finish(again)).toMatchObject({
      state: 'failed',
      reason: 'submitter_restarted',
      finalResults: 1,
    })
    expect(scene.spans(taskId).map(({ at }) => at)).toEqual(['b'])
  })

  it.each(BOTH)('%o: while it waits for its lease at home, it asks again', async (options) => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '6000'], options)
    scene.mesh.kill('b')
    await scene.untilState(submission, 'fallback')
    const again = await scene.restart(submission.task.taskId)
    expect(again.task.record.state).toBe('fallback')
    expect(await scene.finish(again)).toMatchObject({ state: 'completed', finalResults: 1 })
    expect(scene.spans(again.task.taskId).map(({ at }) => at)).toEqual(['b', 'a'])
  })

  it.each(BOTH)('%o: after a cancel that its worker did not hear, it is cancelled', async (options) => {
    scene = await TaskScene.start()
    const submission = await scene.running(['forever'], options)
    scene.cut('ab')
    submission.cancel()
    await scene.mesh.time.run(20)
    const again = await scene.restart(submission.task.taskId)
    expect(again.task.record).toMatchObject({ cancelRequested: true, finalResults: 0 })
    scene.heal()
    expect(await scene.finish(again)).toMatchObject({ state: 'cancelled', reason: 'cancelled_by_user' })
    expect(scene.isExecuted(again.task.taskId)).toBe(false)
  })

  it('after the result is on disk, which its worker repeats: it is acknowledged and counted', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['sleep', '300'])
    await scene.mesh.time.until('it has its result', () => submission.isSettled)
    // The acknowledgement is lost with the connection.
    const again = await scene.restart(submission.task.taskId)
    await scene.mesh.time.run(3000)
    expect(again.task.record).toMatchObject({ state: 'completed', finalResults: 1 })
    expect(scene.mesh.get('b').node.worker.running).toBe(0)
  })

  it('what it executed itself: an attached task fails with the reason, a detached one is placed again', async () => {
    scene = await TaskScene.start()
    const attached = scene.submit(['sleep', '4000'], { on: 'a' })
    const detached = scene.submit(['sleep', '4000'], { on: 'a', attached: false })
    for (const submission of [attached, detached]) await scene.untilState(submission, 'running')
    await scene.mesh.time.run(100)
    scene.mesh.kill('a')
    await scene.mesh.boot('a')
    const { submitter } = scene.mesh.get('a').node
    expect(await scene.finish(submitter.find(attached.task.taskId))).toMatchObject({
      state: 'failed',
      reason: 'submitter_restarted',
      starts: 1,
    })
    expect(await scene.finish(submitter.find(detached.task.taskId))).toMatchObject({
      state: 'completed',
      starts: 2,
      attempts: 2,
    })
  })

  it('stopped in order: an attached task ends with it, a detached one goes on', async () => {
    scene = await TaskScene.start()
    const attached = await scene.running(['sleep', '4000'])
    const detached = await scene.running(['sleep', '4000'], { attached: false })
    const stopped = scene.mesh.get('a').node.stop(new Promise(() => undefined))
    await scene.mesh.time.until('the attached one has ended', () => attached.isSettled)
    await scene.mesh.time.run(500)
    await stopped
    expect(attached.task.record.state).toBe('cancelled')
    expect(detached.task.record.state).toBe('running')
    const again = await scene.restart(detached.task.taskId)
    expect(await scene.finish(again)).toMatchObject({ state: 'completed', starts: 1 })
  })
})
