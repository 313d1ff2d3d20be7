/** The guardian, the watch, the probe and a driver of a shared object: ends of real commands, to their proof. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bootMs, type ExecutionId, LIMITS, nodeId, SystemClock, silentLogger } from '../../src/base/index.ts'
import { type Execution, type ExecutionDeadline, GuardianClient, readProcess } from '../../src/exec/index.ts'
import { DriverClient } from '../../src/gpu/index.ts'
import { DeviceWatch } from '../../src/node/device-watch.ts'
import type { NewEvent } from '../../src/node/node-events.ts'
import { SystemScheduler } from '../../src/node/ports.ts'
import { ProvenExecutor } from '../../src/node/proven-executor.ts'
import { compiler, DEVICES, FakeDriver } from '../gpu/fake-nvml/fake-driver.ts'

const LIST = 'nvmlDeviceGetComputeRunningProcesses'
/** More than a node leaves for it, for this machine may be slow. */
const PROOF_MS = 2000
const clock = new SystemClock()

interface World {
  readonly fake: FakeDriver
  readonly watch: DeviceWatch
  readonly events: NewEvent[]
  /** A command that is on the first device, by the driver's word, for as long as the scenario says so. */
  runOnDevice(script: string, deadline?: ExecutionDeadline): Promise<Execution & { readonly pid: number }>
}

const inMs = (ms: number): ExecutionDeadline => ({
  termAt: bootMs(clock.now() + ms),
  killAt: bootMs(clock.now() + ms),
})

async function world(fake = FakeDriver.build()): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'populi-proven-'))
  const guardian = new GuardianClient({ directory: folder, logger: silentLogger, stopGraceMs: 300 })
  const events: NewEvent[] = []
  const watch = new DeviceWatch({
    driver: new DriverClient({ library: fake.library, logger: silentLogger }),
    clock,
    scheduler: new SystemScheduler(),
    logger: silentLogger,
    meta: { get: () => undefined, put: () => Promise.resolve() },
    events: { record: (event) => events.push(event) },
    self: nodeId('attic'),
    livesAs: (pid) => readProcess(pid)?.startTicks,
    failed: (thrown) => expect.unreachable(String(thrown)),
  })
  onTestFinished(async () => {
    watch.stop()
    await guardian.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  watch.start()
  await guardian.start()
  await seen(() => fake.callsOf(LIST) >= DEVICES.length)
  const executor = new ProvenExecutor(guardian, watch, PROOF_MS)
  const runOnDevice = async (script: string, deadline = inMs(600_000)) => {
    const argv = ['sh', '-c', script] as const
    const executionId = `test-${process.pid}` as ExecutionId
    const execution = executor.run(
      { executionId, argv, cwd: undefined, env: {}, deadline },
      async () => undefined,
    )
    const { pid } = await execution.started
    fake.set([`process 0 ${pid} 1048576`])
    return Object.assign(execution, { pid })
  }
  return { fake, watch, events, runOnDevice }
}

const seen = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 10 })

const WAIT = 'while :; do sleep 0.01; done'

describe.skipIf(compiler === undefined)('the end of a command that was on a GPU', () => {
  it('is quiet when the driver has let go of it', async () => {
    const { fake, events, runOnDevice } = await world()
    const execution = await runOnDevice(WAIT)
    fake.set(['process 0 77 1'])
    execution.end('test')
    expect(await execution.ended).toMatchObject({ cause: 'killed-on-order', quiet: true })
    expect(events).toEqual([])
  })

  it.each([
    ['', []],
    [', by a library without _v3', ['WITHOUT_V3']],
  ] as const)(
    'waits for a driver that lists it after KILL%s, and is quiet when it is gone',
    async (_how, defects) => {
      const { fake, events, runOnDevice } = await world(FakeDriver.build(...defects))
      const execution = await runOnDevice(`trap "" TERM; ${WAIT}`)
      let hasEnded = false
      void execution.ended.then(() => {
        hasEnded = true
      })
      execution.end('test')
      await seen(() => readProcess(execution.pid) === undefined)
      // Looks that began when it was dead.
      const looks = fake.callsOf(LIST)
      await seen(() => fake.callsOf(LIST) >= looks + 3 * DEVICES.length)
      expect(hasEnded).toBe(false)
      fake.set([])
      expect(await execution.ended).toMatchObject({ signal: 'SIGKILL', quiet: true })
      expect(events).toEqual([])
    },
  )

  it('is not quiet when the driver lists it to the end of the lease: the device is withheld until it is free', async () => {
    const { fake, watch, events, runOnDevice } = await world()
    const execution = await runOnDevice(WAIT, inMs(500))
    const end = await execution.ended
    expect(end).toMatchObject({ cause: 'deadline', quiet: false })
    const detail = `pid ${execution.pid} with 1 MiB`
    expect(watch.withheld()).toMatchObject([{ uuid: DEVICES[0].uuid, reason: 'gpu_not_quiet', detail }])
    expect(events).toMatchObject([{ type: 'gpu:withheld', reason: 'gpu_not_quiet' }])
    fake.set([])
    await seen(() => watch.withheld().length === 0)
    expect(events.at(-1)).toMatchObject({ type: 'gpu:released' })
  })

  it('with a driver that hangs: told when the time for the proof is over, while this process goes on', async () => {
    const { fake, watch, runOnDevice } = await world()
    const execution = await runOnDevice(WAIT)
    fake.set([`hang ${LIST}`])
    let beats = 0
    const stop = new SystemScheduler().every(50, () => beats++)
    const before = clock.now()
    execution.end('test')
    expect(await execution.ended).toMatchObject({ cause: 'killed-on-order', quiet: false })
    stop()
    expect(clock.now() - before).toBeGreaterThanOrEqual(LIMITS.gpuQuietMsMax)
    // Of about a hundred: the process did not stand still for any large part of the wait.
    expect(beats).toBeGreaterThan(20)
    expect(watch.withheld().map(({ reason }) => reason)).toEqual(['gpu_driver_silent', 'gpu_driver_silent'])
  })
})
