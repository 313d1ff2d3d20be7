/** The node's side: a driver in a process of its own, which may hang, crash or not be there. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { silentLogger } from '../../src/base/index.ts'
import { DriverClient } from '../../src/gpu/index.ts'
import { compiler, DEVICES, FakeDriver } from './fake-nvml/fake-driver.ts'

const STAND_IN = fileURLToPath(new URL('./stand-in.ts', import.meta.url))

const until = (condition: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 20_000, interval: 10 })

function clientOf(library: string | undefined, answerMsMax?: number): DriverClient {
  const limit = answerMsMax === undefined ? {} : { answerMsMax }
  const client = new DriverClient({ library, logger: silentLogger, ...limit })
  onTestFinished(() => client.stop())
  return client
}

/** By the path of its library on the command line: the probes of this test, and a stand-in. */
function probesOf({ library }: FakeDriver): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(library))
    .map(Number)
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

describe.skipIf(compiler === undefined)('a driver', () => {
  it('is asked through one process, which ends with the client', async () => {
    const fake = FakeDriver.build()
    const client = clientOf(fake.library)
    expect(client.isThere).toBe(true)
    const look = await client.look()
    expect(look).toMatchObject({
      state: 'ready',
      devices: DEVICES.map(({ uuid }) => ({ uuid: { value: uuid } })),
    })
    await client.look()
    expect(probesOf(fake)).toHaveLength(1)
    expect(fake.callsOf('nvmlInit')).toBe(1)
    client.stop()
    expect(client.isThere).toBe(false)
    await until(() => probesOf(fake).length === 0)
  })

  it('asked by many at once: who asked before a look began shares it, and what happened before the question is seen', async () => {
    const fake = FakeDriver.build()
    const client = clientOf(fake.library)
    await client.look()
    const before = fake.callsOf('nvmlDeviceGetCount')
    const first = client.look()
    fake.set(['process 0 4242 1'])
    const looks = await Promise.all(Array.from({ length: 100 }, () => client.look()))
    await first
    expect(fake.callsOf('nvmlDeviceGetCount') - before).toBe(2)
    for (const look of looks)
      expect(look).toMatchObject({ devices: [{ processes: { value: [{ pid: 4242, usedBytes: 1 }] } }, {}] })
  })

  it('asked again and again by many: every question has its answer', async () => {
    const fake = FakeDriver.build()
    const client = clientOf(fake.library)
    const askers = Array.from({ length: 20 }, async () => {
      for (let asks = 0; asks < 20; asks++) expect(await client.look()).toMatchObject({ state: 'ready' })
    })
    await Promise.all(askers)
    expect(fake.callsOf('nvmlDeviceGetCount')).toBeLessThan(20 * 20)
  })

  it('that hangs is silent when the time is over, its probe is killed, and it is asked again by another', async () => {
    const fake = FakeDriver.build()
    const client = clientOf(fake.library, 300)
    fake.set(['hang nvmlInit'])
    expect(await client.look()).toEqual({ state: 'silent', reason: 'no answer within 300 ms' })
    fake.set([])
    await until(() => probesOf(fake).length === 0)
    const again = clientOf(fake.library)
    expect(await again.look()).toMatchObject({ state: 'ready' })
  })

  it('that hangs does not keep this process from its work', async () => {
    const fake = FakeDriver.build()
    const client = clientOf(fake.library)
    await client.look()
    fake.set(['hang nvmlDeviceGetComputeRunningProcesses'])
    let isAnswered = false
    const look = client.look().finally(() => {
      isAnswered = true
    })
    for (let turn = 0; turn < 1000; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
    expect(isAnswered).toBe(false)
    fake.set([])
    expect(await look).toMatchObject({ state: 'ready' })
  })

  it('that crashes takes its probe and nothing else: silent, until another probe is answered', async () => {
    const fake = FakeDriver.build()
    fake.set(['crash nvmlDeviceGetCount'])
    const client = clientOf(fake.library)
    expect(await client.look()).toEqual({ state: 'silent', reason: 'the probe ended with SIGKILL' })
    fake.set([])
    expect(await client.look()).toMatchObject({ state: 'ready' })
  })

  it('that refuses is put aside for a while, and no process is kept for it', async () => {
    const fake = FakeDriver.build()
    fake.set(['fail nvmlInit 18'])
    const client = clientOf(fake.library)
    const look = { state: 'unusable', reason: 'nvmlInit: Driver/library version mismatch (18)' }
    expect(await client.look()).toEqual(look)
    expect(client.isThere).toBe(false)
    expect(await client.look()).toEqual(look)
    expect(fake.callsOf('nvmlInit')).toBe(1)
    await until(() => probesOf(fake).length === 0)
  })

  it('that hangs while its node is killed: the probe ends all the same', async () => {
    const fake = FakeDriver.build()
    fake.set(['hang nvmlInit'])
    const node = spawn(process.execPath, [STAND_IN, fake.library], { stdio: 'ignore' })
    await until(() => fake.callsOf('nvmlInit') === 1)
    expect(probesOf(fake)).toHaveLength(2)
    node.kill('SIGKILL')
    await until(() => probesOf(fake).length === 0)
  })
})

describe('a machine without a driver', () => {
  it('starts no process and answers at once', async () => {
    const client = clientOf(undefined)
    // A machine with a driver answers for itself.
    if (client.isThere) return
    expect(await client.look()).toEqual({ state: 'absent', reason: 'no driver is loaded' })
  })

  it('with a library named that is not there: absent, and no process stays', async () => {
    const client = clientOf('/nowhere/libnvidia-ml.so.1')
    const look = await client.look()
    expect(look).toMatchObject({ state: 'absent', reason: expect.stringContaining('/nowhere') })
    expect(client.isThere).toBe(false)
    expect(await client.look()).toEqual(look)
  })
})
