/** The devices' part of the proof of quiet, in virtual time, with a driver that a test plays. */
import { describe, expect, it } from 'vitest'
import { bootMs, LIMITS, nodeId, silentLogger } from '../../src/base/index.ts'
import type { ProcessIdentity } from '../../src/exec/index.ts'
import type { Device, DriverLook } from '../../src/gpu/index.ts'
import { type DeviceDriver, DeviceWatch } from '../../src/node/device-watch.ts'
import type { NewEvent } from '../../src/node/node-events.ts'
import { EVERY_DEVICE, withheldFields } from '../../src/node/withheld-devices.ts'
import type { MetaStore } from '../../src/store/index.ts'
import { VirtualTime } from './support/virtual-time.ts'

const OURS: readonly ProcessIdentity[] = [
  { pid: 4242, startTicks: 100 },
  { pid: 4243, startTicks: 101 },
]
const NO_LEASE = undefined
const AGAIN_MS = 5000

class PlayedDriver implements DeviceDriver {
  isThere = true
  looks = 0
  isStopped = false
  private now: DriverLook | undefined = ready([])
  private readonly waiting: ((look: DriverLook) => void)[] = []

  /** `undefined`: no look is answered until there is something to answer. */
  shows(look: DriverLook | undefined): void {
    this.now = look
    if (look !== undefined) for (const answer of this.waiting.splice(0)) answer(look)
  }

  look(): Promise<DriverLook> {
    this.looks++
    if (this.now !== undefined) return Promise.resolve(this.now)
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  stop(): void {
    this.isStopped = true
  }
}

/** Two devices; the first one has these processes. */
function ready(pids: readonly number[], more: Partial<Device> = {}): DriverLook {
  const device = (index: number, listed: readonly number[]): Device => ({
    index,
    uuid: { value: `GPU-${index}` },
    name: { value: 'a GPU' },
    memory: { value: { totalBytes: 1000, usedBytes: 10 } },
    processes: { value: listed.map((pid) => ({ pid, usedBytes: 3 * 1024 ** 2 })) },
  })
  return {
    state: 'ready',
    driverVersion: { value: '550.54' },
    nvmlVersion: { value: '12.550' },
    devices: [{ ...device(0, pids), ...more }, device(1, [])],
  }
}

const absent = (missing: 'lost' | 'failed' | 'unsupported'): Partial<Device> => ({
  processes: { missing, reason: 'GPU is lost (15)' },
})

class World {
  readonly time = new VirtualTime()
  readonly driver = new PlayedDriver()
  readonly events: NewEvent[] = []
  readonly failures: unknown[] = []
  readonly living = new Map<number, number>()
  readonly meta: MetaStore
  watch: DeviceWatch

  constructor() {
    const saved = new Map<string, Uint8Array>()
    this.meta = {
      get: (key) => saved.get(key),
      put: async (key, value) => void saved.set(key, value),
    }
    this.watch = this.begin()
  }

  /** Another life of the node, over the same folder. */
  begin(): DeviceWatch {
    const { time, driver, meta } = this
    this.watch = new DeviceWatch({
      driver,
      clock: time,
      scheduler: time,
      logger: silentLogger,
      meta,
      events: { record: (event) => this.events.push(event) },
      self: nodeId('attic'),
      livesAs: (pid) => this.living.get(pid),
      failed: (thrown) => this.failures.push(thrown),
    })
    return this.watch
  }

  /** The verdict, and how long it took. */
  async prove(
    by = NO_LEASE as number | undefined,
    ms = 10_000,
  ): Promise<{ isQuiet: boolean; tookMs: number }> {
    const start = this.time.now()
    let verdict: { isQuiet: boolean; tookMs: number } | undefined
    void this.watch.prove(OURS, by === undefined ? undefined : bootMs(start + by)).then((isQuiet) => {
      verdict = { isQuiet, tookMs: this.time.now() - start }
    })
    await this.time.until('a verdict', () => verdict !== undefined, ms)
    return verdict ?? { isQuiet: false, tookMs: Number.NaN }
  }

  get withheld() {
    return this.watch.withheld().map(({ uuid, reason }) => ({ uuid, reason }))
  }

  get told() {
    return this.events.map(({ type, reason, detail }) => [type, reason, detail?.['uuid']])
  }
}

describe('the end of an execution', () => {
  it('with no driver on the machine: quiet, and nobody is asked', async () => {
    const world = new World()
    world.driver.isThere = false
    world.watch.start()
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
    expect(world.driver.looks).toBe(0)
  })

  it('without a process: quiet, and nobody is asked', async () => {
    const world = new World()
    expect(await world.watch.prove([], NO_LEASE)).toBe(true)
    expect(world.driver.looks).toBe(0)
  })

  it('of which the driver lists nothing, but others: quiet after one look', async () => {
    const world = new World()
    world.driver.shows(ready([77]))
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
    expect(world.driver.looks).toBe(1)
    expect(world.withheld).toEqual([])
  })

  it('of which the driver lists a process for 2 s: quiet then, and nothing was withheld', async () => {
    const world = new World()
    world.driver.shows(ready([4243]))
    world.time.after(2000, () => world.driver.shows(ready([])))
    const { isQuiet, tookMs } = await world.prove()
    expect(isQuiet).toBe(true)
    expect(tookMs).toBeGreaterThanOrEqual(2000)
    expect(tookMs).toBeLessThan(2200)
    expect(world.events).toEqual([])
  })

  it('of which the driver lists a process for longer than the lease leaves: not quiet in time, and the device is withheld', async () => {
    const world = new World()
    world.driver.shows(ready([4243]))
    const { isQuiet, tookMs } = await world.prove(250)
    expect(isQuiet).toBe(false)
    expect(tookMs).toBeLessThanOrEqual(250)
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_not_quiet' }])
    expect(world.events[0]?.detail).toMatchObject({ uuid: 'GPU-0', detail: 'pid 4243 with 3 MiB' })
  })

  it('after the time of its lease: one look all the same', async () => {
    const world = new World()
    expect(await world.prove(-1)).toEqual({ isQuiet: true, tookMs: 0 })
  })

  it('whose pid another process has now: that one is not waited for', async () => {
    const world = new World()
    world.living.set(4242, 999)
    world.driver.shows(ready([4242]))
    expect((await world.prove()).isQuiet).toBe(true)
    world.living.set(4242, 100)
    expect((await world.prove(200)).isQuiet).toBe(false)
  })

  it('with a driver that never tells of processes: the process group is all the proof there is', async () => {
    const world = new World()
    world.driver.shows(ready([], absent('unsupported')))
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
    expect(world.withheld).toEqual([])
  })

  it('with a device that is lost: quiet, for it executes nothing, and the device is withheld', async () => {
    const world = new World()
    world.driver.shows(ready([], absent('lost')))
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_lost' }])
    world.driver.shows(ready([]))
    await world.time.run(AGAIN_MS)
    expect(world.withheld).toEqual([])
  })

  it('with a device that fails to tell: not quiet', async () => {
    const world = new World()
    world.driver.shows(ready([], absent('failed')))
    expect((await world.prove(1000)).isQuiet).toBe(false)
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_unreadable' }])
  })

  it('with a driver that refuses: quiet by the process group', async () => {
    const world = new World()
    world.driver.shows({ state: 'unusable', reason: 'version mismatch' })
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
  })

  it('while the node stops: not proven, and no more is asked', async () => {
    const world = new World()
    world.driver.shows(undefined)
    const verdict = world.watch.prove(OURS, NO_LEASE)
    world.watch.stop()
    world.driver.shows({ state: 'silent', reason: 'the probe ended' })
    expect(await verdict).toBe(false)
    await world.time.run(60_000)
    expect([world.driver.isStopped, world.driver.looks]).toEqual([true, 1])
  })
})

describe('a driver that hangs', () => {
  it('delays an end by the time for the proof and no longer, and every device is withheld', async () => {
    const world = new World()
    world.watch.start()
    await world.time.run(1)
    world.driver.shows(undefined)
    expect(await world.prove(250)).toEqual({ isQuiet: false, tookMs: 250 })
    expect(await world.prove()).toEqual({ isQuiet: false, tookMs: LIMITS.gpuQuietMsMax })
    const reason = 'gpu_driver_silent'
    expect(world.withheld).toEqual([
      { uuid: 'GPU-0', reason },
      { uuid: 'GPU-1', reason },
    ])
  })

  it('in the midst of a proof: what it showed before counts', async () => {
    const world = new World()
    world.driver.shows(ready([4242]))
    world.time.after(100, () => world.driver.shows(undefined))
    expect((await world.prove(250)).isQuiet).toBe(false)
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_not_quiet' }])
  })

  it('and was found silent: the next ends do not wait for it again, until it answers', async () => {
    const world = new World()
    world.driver.shows({ state: 'silent', reason: 'no answer within 10000 ms' })
    expect(await world.prove()).toEqual({ isQuiet: false, tookMs: 0 })
    expect(await world.prove()).toEqual({ isQuiet: false, tookMs: 0 })
    expect(world.driver.looks).toBe(1)
    expect(world.withheld).toEqual([{ uuid: EVERY_DEVICE, reason: 'gpu_driver_silent' }])
    world.driver.shows(ready([4242]))
    await world.time.run(AGAIN_MS)
    // Now it is known which one.
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_not_quiet' }])
    world.driver.shows(ready([]))
    expect(await world.prove()).toEqual({ isQuiet: true, tookMs: 0 })
  })

  it('from the start of the node on: it is asked again, also when nothing is withheld', async () => {
    const world = new World()
    world.driver.shows({ state: 'silent', reason: 'no answer within 10000 ms' })
    world.watch.start()
    await world.time.run(AGAIN_MS * 2)
    expect(world.driver.looks).toBe(3)
    world.driver.shows(ready([]))
    await world.time.run(AGAIN_MS * 3)
    expect(world.driver.looks).toBe(4)
  })
})

describe('a device that is withheld', () => {
  async function withheld(): Promise<World> {
    const world = new World()
    world.driver.shows(ready([4242]))
    await world.prove(250)
    return world
  }

  it('stays so as long as the driver lists the process, and is free at the next look after that', async () => {
    const world = await withheld()
    await world.time.run(20 * AGAIN_MS)
    expect(world.withheld).toHaveLength(1)
    world.driver.shows(ready([77]))
    await world.time.run(AGAIN_MS)
    expect(world.withheld).toEqual([])
    expect(world.told).toEqual([
      ['gpu:withheld', 'gpu_not_quiet', 'GPU-0'],
      ['gpu:released', 'gpu_not_quiet', 'GPU-0'],
    ])
    const { looks } = world.driver
    await world.time.run(10 * AGAIN_MS)
    expect(world.driver.looks).toBe(looks)
  })

  it('is told to the others in the record, with reason and since when', async () => {
    const world = await withheld()
    const [device] = world.watch.withheld()
    expect(withheldFields(world.watch.withheld())).toEqual({
      gpus_withheld: [{ uuid: 'GPU-0', reason: 'gpu_not_quiet', since_unix_ms: device?.sinceUnixMs }],
    })
    expect(withheldFields([])).toEqual({})
  })

  it('is withheld in the next life of the node, and looked at right away', async () => {
    const world = await withheld()
    world.watch.stop()
    const before = world.withheld
    world.begin()
    expect(world.withheld).toEqual(before)
    world.watch.start()
    await world.time.run(1)
    expect(world.withheld).toEqual(before)
    world.watch.stop()
    world.begin()
    // The machine was started again: whoever has the pid now is another.
    world.living.set(4242, 7)
    world.watch.start()
    await world.time.run(1)
    expect(world.withheld).toEqual([])
    expect(world.begin().withheld()).toEqual([])
  })

  it('and unplugged, or without a driver any more: there is nothing left to withhold', async () => {
    const unplugged = await withheld()
    unplugged.driver.shows({ ...ready([]), devices: [] } as DriverLook)
    await unplugged.time.run(AGAIN_MS)
    expect(unplugged.withheld).toEqual([])
    const gone = await withheld()
    gone.driver.shows({ state: 'absent', reason: 'no driver is loaded' })
    await gone.time.run(AGAIN_MS)
    expect(gone.withheld).toEqual([])
  })

  it('whose driver does not answer any more stays withheld', async () => {
    const world = await withheld()
    world.driver.shows({ state: 'silent', reason: 'no answer within 10000 ms' })
    await world.time.run(3 * AGAIN_MS)
    expect(world.withheld).toEqual([{ uuid: 'GPU-0', reason: 'gpu_not_quiet' }])
  })

  it('by several executions is free when all of them are gone from it', async () => {
    const world = await withheld()
    const other = [{ pid: 5000, startTicks: 1 }]
    world.driver.shows(ready([4242, 5000]))
    const verdict = world.watch.prove(other, bootMs(world.time.now() + 250))
    await world.time.run(300)
    expect(await verdict).toBe(false)
    world.driver.shows(ready([5000]))
    await world.time.run(AGAIN_MS)
    expect(world.withheld).toHaveLength(1)
    world.driver.shows(ready([]))
    await world.time.run(AGAIN_MS)
    expect(world.withheld).toEqual([])
    expect(world.failures).toEqual([])
  })
})
