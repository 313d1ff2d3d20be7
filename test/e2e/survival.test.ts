import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { processesOf, ran, type Status, TestMesh, taskShape } from './support/mesh.ts'

const PATIENT = { timeout: 60_000, interval: 200 }

describe('3 real nodes', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.form(['a', 'b', 'c'])
  }, 120_000)

  afterAll(() => mesh.end())

  it.each([
    ['a', 'b', 'c'],
    ['b', 'c', 'a'],
    ['c', 'a', 'b'],
  ])(
    'kill -9 of %s: the other two go on granting leases, and it comes back with its data and catches up',
    async (victim, left, right) => {
      const before = await mesh.status(victim)
      await mesh.get(victim).end('SIGKILL')
      // The first try may meet the moment without a leader: it runs at home then, which is not what is asked here.
      const worked = await vi.waitFor(async () => {
        const result = await ran(mesh.get(left), right, ['echo', 'still here'])
        expect(result.task).toMatchObject({ state: 'completed', node: right })
        return result
      }, PATIENT)
      expect(worked.output).toBe('still here\n')
      expect(worked.task?.leaseId).toBeGreaterThan(0)

      await mesh.get(victim).up()
      const others = await mesh.status(left)
      await vi.waitFor(async () => {
        const after: Status = await mesh.status(victim)
        expect(after.authority.appliedIndex).toBeGreaterThanOrEqual(others.authority.appliedIndex)
        expect(after.authority.appliedIndex).toBeGreaterThan(before.authority.appliedIndex)
        expect(after.authority.voters).toHaveLength(3)
        expect(after.members.alive).toBe(3)
      }, PATIENT)
      await vi.waitFor(async () => expect((await mesh.status(left)).members.alive).toBe(3), PATIENT)
    },
    120_000,
  )

  /** A node that came back a moment ago may not be connected to everybody yet. */
  const untilItWorks = (from: string, on: string): Promise<unknown> =>
    vi.waitFor(async () => {
      const { task } = await ran(mesh.get(from), on, ['true'])
      expect(task).toMatchObject({ state: 'completed', node: on })
    }, PATIENT)

  it('kill -9 of the executing node: no process of the task is left, and the task ends once, elsewhere', async () => {
    await untilItWorks('a', 'b')
    let kill: Promise<void> | undefined
    // The command leaves a child that changes its session, as a daemon would.
    const script = 'setsid sleep 1000 & echo running; for i in 1 2 3 4; do sleep 1; done; echo over'
    const result = await ran(mesh.get('a'), 'b', ['bash', '-c', script], (output) => {
      if (kill === undefined && output.includes('running')) kill = mesh.get('b').end('SIGKILL')
    })
    await kill
    expect(result.task).toMatchObject({ state: 'completed', node: 'a', exitCode: 0, reason: 'worker_lost' })
    await vi.waitFor(async () => expect(await processesOf(result.taskId)).toEqual([]), PATIENT)
    const detail = await mesh.get('a').json(taskShape, ['task', result.taskId])
    expect(detail).toMatchObject({ starts: 2, finalResults: 1 })
    await mesh.get('b').up()
  }, 120_000)

  it('kill -STOP of the executing node: its guardian ends the task in time, and no two executions overlap', async () => {
    await untilItWorks('a', 'b')
    // What really ran and when, by the machine's own clock: the stopped node passes nothing on.
    const record = join(tmpdir(), `populi-spans-${process.pid}`)
    const script = `for i in $(seq 30); do echo "$$ $(date +%s%N)" >> ${record}; echo $i; sleep 0.1; done`
    let isStopped = false
    try {
      const result = await ran(mesh.get('a'), 'b', ['bash', '-c', script], (output) => {
        if (isStopped || !output.includes('3\n')) return
        isStopped = true
        process.kill(mesh.get('b').pid, 'SIGSTOP')
      })
      expect(result.task).toMatchObject({ state: 'completed', node: 'a' })
      // Whichever is noticed first: that it answers no probe, or that its lease is over.
      expect(['lease_expired', 'worker_lost']).toContain(result.task?.reason)
      const lines = (await readFile(record, 'utf8')).trim().split('\n')
      const beats = lines.map((line) => line.split(' ').map(Number) as [number, number])
      const [first] = beats[0] ?? [0]
      const before = beats.filter(([pid]) => pid === first).map(([, at]) => at)
      const after = beats.filter(([pid]) => pid !== first).map(([, at]) => at)
      expect(after).toHaveLength(30)
      expect(Math.max(...before)).toBeLessThan(Math.min(...after))
    } finally {
      process.kill(mesh.get('b').pid, 'SIGCONT')
      await rm(record, { force: true })
    }
    await vi.waitFor(async () => expect((await mesh.status('a')).members.alive).toBe(3), PATIENT)
  }, 120_000)

  it('kill -9 of the submitting node: the worker ends what nobody waits for, within the lease', async () => {
    await untilItWorks('c', 'a')
    let pids: number[] = []
    let killed: Promise<void> | undefined
    await ran(mesh.get('c'), 'a', ['bash', '-c', 'echo running; sleep 1000'], (output, id) => {
      if (!output.includes('\n') || killed !== undefined) return
      killed = processesOf(id).then(async (found) => {
        pids = found
        await mesh.get('c').end('SIGKILL')
      })
    })
    await killed
    expect(pids.length).toBeGreaterThan(0)
    await vi.waitFor(() => {
      for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow()
    }, PATIENT)
    await mesh.get('c').up()
    await vi.waitFor(async () => {
      const [task] = (await mesh.get('c').json(taskShape.partial().array(), ['tasks'])).slice(-1)
      expect(task).toMatchObject({ state: 'failed', reason: 'submitter_restarted' })
    }, PATIENT)
  }, 120_000)
})
