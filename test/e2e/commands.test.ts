import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { processesOf, ran, residentMiB, TestMesh } from './support/mesh.ts'

const PATIENT = { timeout: 60_000, interval: 100 }
const MiB = 1024 * 1024

describe('2 real nodes run difficult commands', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b'], { POPULI_LEASE_TTL_MS: '30000' })
  }, 120_000)

  afterAll(() => mesh.end())

  it('a command that does not exist fails with its name and a hint, and the node goes on', async () => {
    const result = await ran(mesh.get('a'), 'b', ['no-such-command-anywhere'])
    expect(result.exitCode).not.toBe(0)
    expect(result.task).toMatchObject({ state: 'failed', reason: 'cannot_start', node: 'b' })
    expect(result.task?.['error']).toContain('no-such-command-anywhere')
    expect((await ran(mesh.get('a'), 'b', ['echo', 'fine'])).output).toBe('fine\n')
  })

  it('exit codes and both streams come through', async () => {
    const result = await ran(mesh.get('a'), 'b', ['bash', '-c', 'echo out; echo err >&2; exit 7'])
    expect(result.exitCode).toBe(7)
    expect(result.output.split('\n').sort()).toEqual(['', 'err', 'out'])
    expect(result.task).toMatchObject({ state: 'failed', exitCode: 7 })
  })

  it('a command that prints 1 GiB is streamed whole, with bounded memory at both ends', async () => {
    const { pid: submitter } = await mesh.status('a')
    const { pid: worker } = await mesh.status('b')
    let bytes = 0
    let peak = 0
    let lastSample = 0
    const samples: Promise<void>[] = []
    const sample = async (pid: number): Promise<void> => {
      peak = Math.max(peak, await residentMiB(pid))
    }
    const command = ['head', '-c', String(1024 * MiB), '/dev/zero']
    const exitCode = await mesh.get('a').runRaw('b', command, (length) => {
      bytes += length
      if (bytes - lastSample < 32 * MiB) return
      lastSample = bytes
      samples.push(sample(submitter), sample(worker))
    })
    await Promise.all(samples)
    expect(exitCode).toBe(0)
    expect(bytes).toBe(1024 * MiB)
    expect(samples.length).toBeGreaterThan(20)
    expect(peak).toBeLessThan(400)
  }, 180_000)

  it('a command that ignores SIGTERM is ended all the same when its task is cancelled', async () => {
    let cancel: Promise<string> | undefined
    const script = `trap '' TERM; echo deaf; while true; do sleep 0.1; done`
    const result = await ran(mesh.get('a'), 'b', ['bash', '-c', script], (output, taskId) => {
      if (output.includes('deaf')) cancel ??= mesh.get('a').cli(['cancel', taskId])
    })
    await cancel
    expect(result.task).toMatchObject({ state: 'cancelled' })
    await vi.waitFor(async () => expect(await processesOf(result.taskId)).toEqual([]), PATIENT)
  }, 60_000)
})
