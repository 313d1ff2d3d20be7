/** Whole nodes in virtual time: who reads the output of a task, and who does not. */
import { afterEach, describe, expect, it } from 'vitest'
import { LIMITS } from '../../src/base/index.ts'
import type { LogEvent } from '../../src/node/control/node-control.ts'
import type { Submission } from '../../src/node/submission.ts'
import { readTaskLog } from '../../src/node/task-log-reader.ts'
import { numbered, printed, TaskScene } from './support/task-scene.ts'

let scene: TaskScene
afterEach(() => scene.judge())

/** Follows the task, from the beginning or from its last bytes; `pace` holds each piece up. */
async function follow(
  submission: Submission,
  lastBytes?: number,
  pace: () => Promise<void> = () => Promise.resolve(),
) {
  const aborted = new AbortController()
  const heard = { text: '', isOver: false, stop: () => aborted.abort() }
  const tail = lastBytes === undefined ? undefined : { bytes: lastBytes }
  const report = async (event: LogEvent): Promise<void> => {
    await pace()
    if (event.type === 'output') heard.text += new TextDecoder().decode(event.chunk)
  }
  const over = (): void => {
    heard.isOver = true
  }
  const log = await submission.output.open()
  void readTaskLog(log, submission, { follow: true, tail }, report, aborted.signal).then(over, over)
  return heard
}

describe('3 nodes: readers of one task', () => {
  it('hear all of it, or what comes from now on, whenever they come', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['lines', '30', '20'], { attached: false })
    const first = await follow(submission)
    await scene.mesh.time.run(300)
    const soFar = await printed(submission)
    const second = await follow(submission, 0)
    await scene.finish(submission)
    const late = await follow(submission)
    await scene.mesh.time.until('all were told', () => [first, second, late].every(({ isOver }) => isOver))
    expect(soFar.length).toBeGreaterThan(0)
    expect(first.text).toBe(numbered(30))
    expect(soFar + second.text).toBe(numbered(30))
    expect(late.text).toBe(numbered(30))
  })

  it('a follower that does not read holds nothing up, and one that goes is gone', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['print', '64', '65536'])
    const stuck = await follow(submission, undefined, () => new Promise(() => undefined))
    const idle = scene.submit(['forever'])
    const gone = await follow(idle)
    gone.stop()
    await scene.finish(submission)
    expect(submission.task.record.state).toBe('completed')
    expect((await submission.output.open()).end).toBe(64 * 65_536)
    await scene.mesh.time.until('the one that went was let go', () => gone.isOver)
    expect(stuck.isOver).toBe(false)
  })

  it('the reader of an attached task paces it; when it leaves, the task goes on', async () => {
    scene = await TaskScene.start()
    let received = 0
    const request = { argv: ['print', '64', '65536'], on: 'b', cwd: undefined, env: {}, timeoutMs: undefined }
    const submission = scene.mesh.get('a').node.submitter.submit(request, (event) => {
      if (event.type !== 'output') return Promise.resolve()
      received += event.chunk.length
      return new Promise(() => undefined)
    })
    await scene.mesh.time.run(5000)
    expect(received).toBe(65_536)
    expect((await submission.output.open()).end).toBeLessThanOrEqual(LIMITS.outputWindowBytesMax)
    submission.leave()
    expect((await scene.finish(submission)).state).toBe('completed')
    expect((await submission.output.open()).end).toBe(64 * 65_536)
  })

  it('what an attempt printed before it was lost stays, and that of the next one follows', async () => {
    scene = await TaskScene.start()
    const submission = await scene.running(['lines', '20', '100'], { attached: false })
    await scene.mesh.time.run(550)
    scene.mesh.kill('b')
    expect(await scene.finish(submission)).toMatchObject({ state: 'completed', starts: 2 })
    const text = await printed(submission)
    const first = text.slice(0, text.length - numbered(20).length)
    expect(numbered(20).startsWith(first)).toBe(true)
    expect(first.length).toBeGreaterThan(0)
    expect(text.endsWith(numbered(20))).toBe(true)
  })
})
