import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ran, TestMesh } from './support/mesh.ts'

const PATIENT = { timeout: 60_000, interval: 200 }
const report = z.looseObject({ damage: z.array(z.string()) })

describe('3 real nodes, one of which loses its log', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b', 'c'])
  }, 120_000)

  afterAll(() => mesh.end())

  it('it refuses to start, says what is damaged, rejoins as a learner, and votes again', async () => {
    await ran(mesh.get('a'), 'b', ['true'])
    await mesh.get('c').end('SIGTERM')
    const { dataDir } = mesh.get('c')
    await flipInNewestLog(join(dataDir, 'db'))

    await expect(mesh.get('c').cli(['up'])).rejects.toThrow(/ended with 6.*damaged record.*store rejoin/s)
    await expect(mesh.get('c').cli(['store', 'check'])).rejects.toThrow('ended with 6')

    expect(await mesh.get('c').cli(['store', 'rejoin'])).toContain('The store was made anew.')
    expect(await mesh.get('c').json(report, ['store', 'check'])).toMatchObject({
      damage: [],
      isRejoining: true,
    })

    await mesh.get('c').up()
    await vi.waitFor(async () => {
      const [ours, theirs] = await Promise.all([mesh.status('c'), mesh.status('a')])
      expect(theirs.authority.voters).toEqual(expect.arrayContaining(['a', 'b', 'c']))
      // What it knows by itself, not what it was told: 'none' until the others have begun anew with it.
      expect(ours.authority.role).toBe('follower')
      expect(ours.authority.voters).toHaveLength(3)
      expect(ours.authority.appliedIndex).toBeGreaterThanOrEqual(theirs.authority.commitIndex - 1)
    }, PATIENT)
    // Its vote counts again: without another one there is still a majority.
    await mesh.get('b').end('SIGKILL')
    await vi.waitFor(async () => {
      const { task } = await ran(mesh.get('a'), 'c', ['true'])
      expect(task, await mesh.get('a').cli(['nodes'])).toMatchObject({ state: 'completed', node: 'c' })
    }, PATIENT)
  }, 180_000)
})

/** Flips a bit in the middle of the log file that LevelDB wrote last. */
async function flipInNewestLog(folder: string): Promise<void> {
  const logs = (await readdir(folder)).filter((name) => name.endsWith('.log')).sort()
  const path = join(folder, logs.at(-1) ?? '')
  const bytes = await readFile(path)
  const at = Math.floor(bytes.length / 2)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(path, bytes)
}
