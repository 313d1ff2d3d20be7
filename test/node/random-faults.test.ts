/**
 * Whole nodes under random faults: kills, restarts, cut links, links that go silent; tasks attached and detached, some of which are
 * cancelled, and some that are to run nowhere else. One seed decides everything that the test
 * draws; to repeat a failure, run with `SEED=<n>`, to look further with `SEEDS=<count>`.
 */
import { describe, expect, it } from 'vitest'
import { Random, type TaskId } from '../../src/base/index.ts'
import { VirtualMesh } from './support/virtual-mesh.ts'

const NAMES = ['a', 'b', 'c'] as const
const LINKS = [
  ['a', 'b'],
  ['b', 'c'],
  ['a', 'c'],
] as const
const STEPS = 40
const SEEDS = Number(process.env['SEEDS'] ?? 25)
const given = process.env['SEED']
const seeds = given === undefined ? Array.from({ length: SEEDS }, (_, at) => at + 1) : [Number(given)]

interface Submitted {
  readonly node: string
  readonly taskId: TaskId
}

class Schedule {
  readonly submitted: Submitted[] = []
  private readonly mesh: VirtualMesh
  private readonly random: Random

  constructor(mesh: VirtualMesh, seed: number) {
    this.mesh = mesh
    this.random = new Random(seed)
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      await this.act()
      await this.mesh.time.run(this.random.integer(10, 1500))
    }
  }

  /** Everything works again; whatever is unfinished comes to its end. */
  async heal(): Promise<void> {
    for (const [left, right] of LINKS) this.mesh.restore(left, right)
    for (const name of NAMES) if (!this.mesh.get(name).up) await this.mesh.boot(name)
    await this.mesh.time.run(60_000)
  }

  private async act(): Promise<void> {
    const { mesh, random } = this
    const name = this.pick(NAMES)
    const [left, right] = this.pick(LINKS)
    const draw = random.float()
    if (draw < 0.45) this.submit(name)
    else if (draw < 0.6 && mesh.get(name).up) mesh.kill(name)
    else if (draw < 0.75 && !mesh.get(name).up) await mesh.boot(name)
    else if (draw < 0.82) mesh.link(left, right, false)
    else if (draw < 0.88) mesh.silence(left, right)
    else mesh.restore(left, right)
  }

  private submit(name: string): void {
    const entry = this.mesh.get(name)
    if (!entry.up) return
    const { random } = this
    const submission = entry.node.submitter.submit({
      argv: ['sleep', String(random.integer(50, 6000))],
      on: random.float() < 0.3 ? this.pick(NAMES) : undefined,
      cwd: undefined,
      env: {},
      timeoutMs: undefined,
      attached: random.float() < 0.5,
      fallback: random.float() < 0.2 ? 'none' : 'local',
    })
    const { taskId } = submission.task
    // Before that nobody was told that there is such a task.
    void submission.accepted.then(() => this.submitted.push({ node: name, taskId }))
    if (random.float() < 0.15) entry.time.after(random.integer(0, 6000), () => submission.cancel())
  }

  private pick<Item>(items: readonly Item[]): Item {
    const item = items[this.random.integer(0, items.length - 1)]
    if (item === undefined) throw new RangeError('there is something to pick')
    return item
  }
}

describe('3 nodes under random faults', () => {
  it.each(seeds)('seed %i: one owner at a time, one final result each, nothing left behind', async (seed) => {
    const mesh = await VirtualMesh.start(NAMES)
    await mesh.time.run(3000)
    const schedule = new Schedule(mesh, seed)
    await schedule.run()
    await schedule.heal()

    expect(mesh.overlaps()).toEqual([])
    expect(mesh.failures).toEqual([])
    expect(schedule.submitted.length).toBeGreaterThan(0)
    for (const { node, taskId } of schedule.submitted) {
      const record = mesh.get(node).node.submitter.find(taskId).task.record
      expect({ taskId, finalResults: record.finalResults, ended: record.endedUnixMs !== undefined }).toEqual({
        taskId,
        finalResults: 1,
        ended: true,
      })
    }
    expect(mesh.leader()?.node.authority.machine.leases()).toEqual([])
    const states = mesh.nodes.map(({ node }) => node.core.status.commitIndex)
    expect(new Set(states).size).toBe(1)
  })
})
