/** Real nodes with a GPU driver of a shared object: what a person sees of a GPU that is not quiet. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compiler, DEVICES, FakeDriver } from '../gpu/fake-nvml/fake-driver.ts'
import { ran, TestMesh } from './support/mesh.ts'

const withheldShape = z.looseObject({
  gpusWithheld: z.array(
    z.looseObject({ uuid: z.string(), reason: z.string(), detail: z.string().nullish() }),
  ),
})
const nodesShape = z.array(withheldShape.extend({ nodeId: z.string(), status: z.string() }))
const eventShape = z.looseObject({
  type: z.string(),
  node: z.string().nullish(),
  reason: z.string().nullish(),
})

describe.skipIf(compiler === undefined)('2 real nodes with GPUs', () => {
  let mesh: TestMesh
  let fake: FakeDriver
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'populi-nvml-'))
    fake = FakeDriver.buildIn(folder)
    mesh = await TestMesh.form(['desk', 'attic'], {
      POPULI_NVML_LIBRARY: fake.library,
      FAKE_NVML_SCENARIO: fake.scenario,
    })
  }, 120_000)

  afterAll(async () => {
    await mesh.end()
    await rm(folder, { recursive: true, force: true })
  })

  async function attic() {
    const nodes = await mesh.get('desk').json(nodesShape, ['nodes'])
    return nodes.find(({ nodeId }) => nodeId === 'attic')
  }

  async function eventsOfAttic(kind: string): Promise<readonly string[]> {
    const out = await mesh.get('attic').cli(['events', '--json', '--kind', kind])
    return out
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => eventShape.parse(JSON.parse(line)).type)
  }

  it('a command after which the GPU is free: nothing is withheld', async () => {
    const { exitCode } = await ran(mesh.get('desk'), 'attic', ['true'])
    expect(exitCode).toBe(0)
    expect(await eventsOfAttic('gpu')).toEqual([])
    expect(await attic()).toMatchObject({ gpusWithheld: [] })
  })

  it('a command that its driver lists for ever: it has its result, its lease runs out, and the GPU is withheld until the driver lets go', async () => {
    const script = 'echo "process 1 $$ 1048576" >> "$FAKE_NVML_SCENARIO"; echo done'
    const { exitCode, output } = await ran(mesh.get('desk'), 'attic', ['sh', '-c', script])
    expect([exitCode, output]).toEqual([0, 'done\n'])
    const withheld = { uuid: DEVICES[1].uuid, reason: 'gpu_not_quiet' }
    const status = await mesh.get('attic').json(withheldShape, ['status'])
    expect(status.gpusWithheld).toMatchObject([
      { ...withheld, detail: expect.stringMatching(/^pid \d+ with 1 MiB$/) },
    ])
    expect(await mesh.get('attic').cli(['status'])).toContain(
      `${DEVICES[1].uuid} is withheld: has a GPU on which`,
    )
    expect(await eventsOfAttic('gpu')).toEqual(['gpu:withheld'])
    await expect.poll(attic).toMatchObject({ gpusWithheld: [withheld] })
    expect(await mesh.get('desk').cli(['nodes'])).toContain('1 withheld (gpu_not_quiet)')
    await expect.poll(() => eventsOfAttic('lease')).toContain('lease:expired')
    fake.set([])
    await expect.poll(attic).toMatchObject({ gpusWithheld: [] })
    expect(await eventsOfAttic('gpu')).toEqual(['gpu:withheld', 'gpu:released'])
  })

  it('a driver that hangs: the command has its result, and its node is alive to all', async () => {
    fake.set(['hang nvmlDeviceGetComputeRunningProcesses'])
    const { exitCode } = await ran(mesh.get('desk'), 'attic', ['true'])
    expect(exitCode).toBe(0)
    expect(await attic()).toMatchObject({ status: 'alive' })
    const reasons = (await mesh.get('attic').json(withheldShape, ['status'])).gpusWithheld
    expect(reasons).toMatchObject(DEVICES.map(({ uuid }) => ({ uuid, reason: 'gpu_driver_silent' })))
    const deaths = await mesh.get('desk').cli(['events', '--json', '--kind', 'member'])
    expect(deaths).not.toContain('member:dead')
    fake.set([])
    await expect.poll(attic, { timeout: 40_000 }).toMatchObject({ gpusWithheld: [] })
  })
})
