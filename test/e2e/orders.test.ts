import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { processesOf, ran, TestMesh } from './support/mesh.ts'

const PATIENT = { timeout: 30_000, interval: 100 }
const orders = z.array(
  z.looseObject({ node: z.string(), field: z.string(), on: z.boolean(), issuer: z.string() }),
)

describe('3 real nodes and the orders of their admin', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b', 'c'], { POPULI_LEASE_TTL_MS: '5000' })
  }, 120_000)

  afterAll(() => mesh.end())

  it('quarantine ends what runs there and keeps new work away, after a restart as well, until it is lifted', async () => {
    const up = Promise.withResolvers<string>()
    const running = ran(mesh.get('a'), 'b', ['bash', '-c', 'echo up; exec sleep 60'], (output, taskId) => {
      if (output.includes('up')) up.resolve(taskId)
    })
    const taskId = await up.promise
    // It runs again at home when b is quiet, so not every process of the task has to be gone.
    const onB = await processesOf(taskId)
    expect(onB.length).toBeGreaterThan(0)
    expect(await mesh.get('c').cli(['admin', 'quarantine', 'b', '--reason', 'smoke'])).toBe(
      'b is quarantined: no new work, and no lease is renewed.\n',
    )
    // Within its lease; left alone it would take a minute.
    await vi.waitFor(async () => {
      const now = await processesOf(taskId)
      expect(onB.filter((pid) => now.includes(pid))).toEqual([])
    }, PATIENT)
    await mesh.get('a').cli(['cancel', taskId])
    expect((await running).task).toMatchObject({ state: 'cancelled' })

    for (const name of ['a', 'b', 'c'])
      expect(await mesh.get(name).json(orders, ['admin', 'orders'])).toMatchObject([
        { node: 'b', field: 'quarantine', on: true, issuer: 'c' },
      ])
    await mesh.get('b').end('SIGKILL')
    await mesh.get('b').up()
    expect((await ran(mesh.get('b'), undefined, ['true'])).task?.['node']).not.toBe('b')
    expect((await ran(mesh.get('a'), 'b', ['true'])).task).toMatchObject({
      state: 'failed',
      reason: 'quarantined',
    })

    await mesh.get('a').cli(['admin', 'quarantine', 'b', '--off'])
    await vi.waitFor(async () => {
      expect((await ran(mesh.get('a'), 'b', ['true'])).task).toMatchObject({ state: 'completed', node: 'b' })
    }, PATIENT)
  }, 120_000)

  it('drain --wait ends when the last task has finished, and nothing new was started meanwhile', async () => {
    let drained: Promise<string> | undefined
    const running = ran(mesh.get('a'), 'c', ['bash', '-c', 'echo up; sleep 6'], (output) => {
      if (output.includes('up')) drained ??= mesh.get('a').cli(['drain', 'c', '--deadline', '1m', '--wait'])
    })
    const { task } = await running
    expect(task).toMatchObject({ state: 'completed', node: 'c' })
    expect(await drained).toBe('c is drained.\n')
    expect((await ran(mesh.get('a'), 'c', ['true'])).task).toMatchObject({
      state: 'failed',
      reason: 'maintenance',
    })
    await mesh.get('b').cli(['admin', 'maintenance', 'c', '--off'])
  }, 60_000)

  it('a name that nobody has is an error with its hint', async () => {
    await expect(mesh.get('a').cli(['admin', 'quarantine', 'nobody'])).rejects.toThrow('no node "nobody"')
  })
})
